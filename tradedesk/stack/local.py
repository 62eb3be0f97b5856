"""The local stack: servers, processes and their supervision as one thing that is up or down."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from functools import partial
from typing import Self

from tradedesk.env import BASE_DIR
from tradedesk.stack.errors import StackError
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.interrupts import Interrupts
from tradedesk.stack.manage import manage
from tradedesk.stack.options import StackOptions
from tradedesk.stack.ports import require_free
from tradedesk.stack.process import end, end_marked, is_gone, spawn, wait_until
from tradedesk.stack.processes import PYTHON, STACK_MARK, Process, environment, processes
from tradedesk.stack.reasons import last_words
from tradedesk.stack.servers import Servers
from tradedesk.stack.supervisor import pid_file, plan_for, write_plan
from tradedesk.stack.urls import Urls, answers

READY_LIMIT = 120.0  # seconds; ten Django processes are imported at once, on two cores if need be
STOP_LIMIT = 25.0  # seconds; more than honcho takes before it kills


class LocalStack:
    """A whole Tradedesk on this machine: `with LocalStack(options) as stack:` holds it up.

    Entering returns when everything serves; leaving ends every process. Entering and `check()` raise
    StackError, one sentence; whatever had been started is ended on the way out. SIGTERM and SIGHUP
    interrupt like Ctrl-C (KeyboardInterrupt). `echo` shows the logs of all processes on the terminal.
    """

    def __init__(self, options: StackOptions, *, echo: bool = False) -> None:
        self.options = options
        self.echo = echo
        self.urls = Urls.of(options)
        self.running = ExitStack()
        self.children: dict[str, Process] = {}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            interrupts = undo.enter_context(Interrupts())
            self.folder = undo.enter_context(DataFolder(self.options.data))
            try:
                self._start(undo)
            except OSError as error:
                raise StackError(f"The data folder cannot be used: {error}") from None
            finally:
                undo.callback(interrupts.ignore)  # the way down is walked to its end, whoever is impatient
            self.running = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self.running.close()

    def _start(self, undo: ExitStack) -> None:
        """Everything in order; what must be undone is put on `undo`."""
        self._end_leftovers()
        for port, option in self.options.ports():
            require_free(port, option)
        self.servers = undo.enter_context(Servers(self.folder, redis_port=self.options.redis))
        undo.callback(self._end_leftovers)  # a request to stop may come while a command is being started
        self.environment = environment(
            self.options,
            database_url=self.servers.database_url,
            redis_url=self.servers.redis_url,
            secret_key=os.environ.get("SECRET_KEY") or self.folder.secret("secret_key"),
        ) | {"TRADEDESK_DESK_PASSWORD": self.desk_password}
        self.folder.publish(self.facts())
        self.manage("migrate", "--no-input", "--verbosity", "0")
        self.manage("seed")
        self._start_processes(undo)
        self.wait_until_ready()

    def _end_leftovers(self) -> None:
        """End processes of this folder that nobody supervises any more, of this stack or of a killed one."""
        end_marked((STACK_MARK, str(self.options.data)))

    def _start_processes(self, undo: ExitStack) -> None:
        """Hand the processes to a supervisor of their own."""
        started = processes(self.options, flower_password=self.desk_password)
        self.children = {process.name: process for process in started}
        self.plan = plan_for(started, logs=self.folder.logs, run=self.folder.run, echo=self.echo)
        self.supervisor = spawn(
            [PYTHON, "-m", "tradedesk.stack.supervisor", str(write_plan(self.plan))],
            env=self.environment,
            log=None if self.echo else self.folder.logs / "supervisor.log",
            cwd=BASE_DIR,
        )
        undo.callback(end, self.supervisor, grace=STOP_LIMIT)

    @property
    def desk_password(self) -> str:
        """The password of the demo logins, for the admin and for Flower."""
        return os.environ.get("TRADEDESK_DESK_PASSWORD") or self.folder.secret("desk_password", size=8)

    def facts(self) -> dict[str, object]:
        """What management commands must know to work on this stack."""
        return {
            "DATABASE_URL": self.servers.database_url,
            "REDIS_URL": self.servers.redis_url,
            "http": self.urls.http,
            "pid": os.getpid(),
        }

    def pid(self, name: str) -> int | None:
        """The pid of a process; None before it is started."""
        file = pid_file(self.folder.run, name)
        text = file.read_text() if file.exists() else ""
        return int(text) if text else None

    def manage(self, *arguments: str) -> str:
        """Run a management command on this stack and return what it printed; StackError when it fails."""
        return manage(*arguments, env=self.environment, logs=self.folder.logs)

    def check(self) -> None:
        """Raise StackError when a server or a process has died."""
        for server in self.servers.embedded:
            if not server.alive:
                raise StackError(f"{server.name} died: {last_words(server.log)} (log: {server.log})")
        if (name := self._first_dead()) is not None:
            log = self.folder.logs / f"{name}.log"
            raise StackError(f"The process {name} died: {last_words(log)} (log: {log})")

    def _first_dead(self) -> str | None:
        """The process that died, if one did.

        Pids are looked at as well, because honcho takes a process for alive while a child of it holds
        its output open.
        """
        if self.plan.obituary.exists():
            return str(json.loads(self.plan.obituary.read_text())["name"])
        if self.supervisor.poll() is not None:
            return "supervisor"
        return next((name for name in self.children if self._is_dead(name)), None)

    def _is_dead(self, name: str) -> bool:
        """Whether a process that has been started is gone."""
        pid = self.pid(name)
        return pid is not None and is_gone(pid)

    def wait_until_ready(self) -> None:
        """Return when every process serves and orders can be sent.

        With a gateway of somebody else's the latter is not waited for: it may be logged in later.
        """
        deadline = time.monotonic() + READY_LIMIT
        doors = [process.health for process in self.children.values() if process.health]
        for url in doors if self.options.ib else [*doors, self.urls.ready]:
            serves = partial(self._serves, url)
            if not wait_until(serves, limit=deadline - time.monotonic(), pause=0.2):
                raise StackError(
                    f"{url} did not answer 200 within {READY_LIMIT:.0f} s: see {self.folder.logs}."
                )

    def _serves(self, url: str) -> bool:
        """Whether a door answers; raises StackError when it never will."""
        self.check()
        return answers(url)

    def run_until_stopped(self) -> None:
        """Block until Ctrl-C or SIGTERM; raises StackError when something dies before."""
        try:
            while True:
                self.check()
                time.sleep(0.2)
        except KeyboardInterrupt:
            return

    def summary(self) -> str:
        """Where everything is, and the demo logins."""
        return self.urls.summary(self.options, self.desk_password)
