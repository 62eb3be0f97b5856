"""The local stack: servers, processes and their supervision as one thing that is up or down.

Processes are started again by the supervisor, servers and the supervisor by us (docs/decisions/0021)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Self

from django.conf import settings
from django.http.request import validate_host

from tradedesk.env import BASE_DIR
from tradedesk.stack.errors import StackError
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.options import StackOptions
from tradedesk.stack.ports import HOST, require_free
from tradedesk.stack.processes.commands import PYTHON, STACK_MARK, Process, environment, processes
from tradedesk.stack.processes.interrupts import Interrupts
from tradedesk.stack.processes.manage import manage, migrate
from tradedesk.stack.processes.plan import BROKER_GRACE, GRACE, News, begin, plan_for, write_plan
from tradedesk.stack.processes.process import end, end_marked, spawn, wait_until
from tradedesk.stack.processes.restarts import Death, Kept, Return
from tradedesk.stack.servers.choice import Servers
from tradedesk.stack.servers.server import Server
from tradedesk.stack.urls import Urls, answers, missing_at

READY_LIMIT = 120.0  # seconds; ten Django processes are imported at once, on two cores if need be
STOP_LIMIT = BROKER_GRACE + GRACE + 5.0  # seconds; more than supervisord takes before it kills
#: Seconds for the processes of a dead supervisor. Nobody trades meanwhile, and all of them bear SIGKILL.
ORPHAN_GRACE = 1.0


class LocalStack:
    """A whole Tradedesk on this machine: `with LocalStack(options) as stack:` holds it up.

    Entering returns when everything serves; leaving ends every process. Entering and `check()` raise
    StackError, one sentence; whatever had been started is ended on the way out. SIGTERM and SIGHUP
    interrupt like Ctrl-C (KeyboardInterrupt). `echo` shows the logs of all processes on the terminal.

    What dies before everything serves ends the start: a wrong setting is not cured by trying again. What
    dies later is started again by `tend()`, which whoever holds the stack up calls several times a second;
    it says each death and return, and `deaths` keeps them.
    """

    def __init__(
        self, options: StackOptions, *, echo: bool = False, say: Callable[[str], None] = print
    ) -> None:
        self.options = options
        self.echo = echo
        self.say = say
        self.deaths: list[Death] = []
        self.urls = Urls.of(options)
        self.running = ExitStack()
        self.children: dict[str, Process] = {}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.interrupts = undo.enter_context(Interrupts())
            self.folder = undo.enter_context(DataFolder(self.options.data))
            try:
                self._start(undo)
            except OSError as error:
                raise StackError(f"The data folder cannot be used: {error}") from None
            finally:
                # The way down is walked to its end, whoever is impatient.
                undo.callback(self.interrupts.ignore)
            self.running = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self.running.close()

    def _start(self, undo: ExitStack) -> None:
        """Everything in order; what must be undone is put on `undo`."""
        if not validate_host(HOST, settings.ALLOWED_HOSTS):
            raise StackError(
                f"ALLOWED_HOSTS must hold {HOST}: by it the processes are asked whether they serve."
            )
        self._end_leftovers()
        for port, option in self.options.ports():
            require_free(port, option)
        self.servers = undo.enter_context(Servers(self.folder, redis_port=self.options.redis))
        undo.callback(self._end_leftovers)  # a request to stop may come while a command is being started
        self.environment = environment(
            self.options,
            database_url=self.servers.database_url,
            redis_url=self.servers.redis_url,
            secret_key=os.environ.get("SECRET_KEY") or self.folder.secret("secret_key", size=32),
        ) | {
            "TRADEDESK_DESK_PASSWORD": self.desk_password,
            "TRADEDESK_APPROVER_PASSWORD": self.approver_password,
        }
        self.folder.publish(self.facts())
        migrate(self.environment, self.folder.logs, owner_url=self.servers.owner_url)
        self.manage("seed")
        self._start_processes(undo)
        self.wait_until_ready()

    def _end_leftovers(self) -> None:
        """End processes of this folder that nobody supervises any more, of this stack or of a killed one."""
        end_marked((STACK_MARK, str(self.options.data)))

    def _start_processes(self, undo: ExitStack) -> None:
        """Hand the processes to a supervisor of their own."""
        started = processes(self.options)
        self.children = {process.name: process for process in started}
        self.plan = plan_for(started, logs=self.folder.logs, run=self.folder.run, echo=self.echo)
        begin(self.plan)
        self.news = News(self.plan)
        self._start_supervisor()
        undo.callback(lambda: end(self.supervisor, grace=STOP_LIMIT))
        self.kept = [kept_server(server) for server in self.servers.embedded]
        self.kept.append(
            Kept(
                "The supervisor",
                self.plan.log("supervisor"),
                ended=lambda: self.supervisor.poll(),  # noqa: PLW0108 - another one after a restart
                start=self._restart_supervisor,
            )
        )

    def _start_supervisor(self) -> None:
        self.supervisor = spawn(
            [PYTHON, "-m", "tradedesk.stack.processes.supervisor", str(write_plan(self.plan))],
            env=self.environment,
            log=None if self.echo else self.folder.logs / "supervisor.out",
            cwd=BASE_DIR,
        )

    def _restart_supervisor(self) -> int:
        """The kernel has told the processes of the dead one to stop: end them, then start all anew."""
        end_marked(self.plan.mark, grace=ORPHAN_GRACE)
        self._start_supervisor()
        return self.supervisor.pid

    @property
    def desk_password(self) -> str:
        """The password of the demo logins, for the admin and for Flower."""
        return os.environ.get("TRADEDESK_DESK_PASSWORD") or self.folder.secret("desk_password", size=8)

    @property
    def approver_password(self) -> str:
        """The password of the second person of the desk."""
        return os.environ.get("TRADEDESK_APPROVER_PASSWORD") or self.folder.secret(
            "approver_password", size=8
        )

    def facts(self) -> dict[str, object]:
        """What management commands must know to work on this stack."""
        return {
            "DATABASE_URL": self.servers.database_url,
            "DATABASE_OWNER_URL": self.servers.owner_url,
            "REDIS_URL": self.servers.redis_url,
            "TRADEDESK_GATEWAY": self.options.gateway,
            "http": self.urls.http,
            "pid": os.getpid(),
        }

    def pid(self, name: str) -> int | None:
        """The pid of a process; None before it is started."""
        file = self.plan.pid_file(name)
        text = file.read_text() if file.exists() else ""
        return int(text) if text else None

    def manage(self, *arguments: str) -> str:
        """Run a management command on this stack and return what it printed; StackError when it fails."""
        return manage(*arguments, env=self.environment, logs=self.folder.logs)

    def tend(self) -> None:
        """Say who died and who is back, and start again what is ours to start."""
        self.interrupts.heed()
        for kept in self.kept:
            kept.tend(self._tell)
        for news in self.news():
            self._tell(news)

    def _tell(self, news: Death | Return) -> None:
        """On the terminal, and in a log that outlives it; a full disk under either must not end the stack."""
        if isinstance(news, Death):
            self.deaths.append(news)
        line = f"{time.strftime('%H:%M:%S')} {news}"
        with suppress(OSError):
            self.say(line)
        with suppress(OSError), (self.folder.logs / "restarts.log").open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d')} {line}\n")

    def check(self) -> None:
        """Raise StackError when a server or a process has died; while it starts, that ends it."""
        self.interrupts.heed()
        died = [kept.restarts.died(kept.who, code, kept.log) for kept in self.kept if (code := kept.ended())]
        for death in [*died, *self.news()]:
            if isinstance(death, Death):
                raise StackError(f"{death.who} died: {death.reason} (log: {death.log})")

    def wait_until_ready(self) -> None:
        """Return when every process serves and orders can be sent.

        With a gateway of somebody else's the latter is not waited for: it may be logged in later. Nor is it
        where a session is HALTED, as each is after a restore: a person looks first, then releases it.
        """
        deadline = time.monotonic() + READY_LIMIT
        doors = [process.health for process in self.children.values() if process.health]
        for url in doors if self.options.ib else [*doors, self.urls.ready]:
            serves = partial(self._serves, url)
            if not wait_until(serves, limit=deadline - time.monotonic(), pause=0.2):
                why = "".join(f" {name}: {reason}" for name, reason in missing_at(self.urls.ready).items())
                raise StackError(
                    f"{url} did not answer 200 within {READY_LIMIT:.0f} s: see {self.folder.logs}.{why}"
                )

    def _serves(self, url: str) -> bool:
        """Whether a door answers; raises StackError when it never will."""
        self.check()
        return answers(url) or (url == self.urls.ready and bool(self.halted()))

    def halted(self) -> list[str]:
        """The sessions that are HALTED, with the reason, where nothing else keeps orders from the broker."""
        missing = missing_at(self.urls.ready)
        sessions = {name: reason for name, reason in missing.items() if name.startswith("session:")}
        if "database_room" in missing or not all(is_halt(reason) for reason in sessions.values()):
            return []
        return [f"{name} {reason}" for name, reason in sessions.items()]

    def run_until_stopped(self) -> None:
        """Block until Ctrl-C or SIGTERM, and start again what dies meanwhile."""
        try:
            while True:
                self.tend()
                time.sleep(0.2)
        except KeyboardInterrupt:
            return

    def summary(self) -> str:
        """Where everything is, and the demo logins."""
        places = self.urls.summary(self.options, self.desk_password, self.approver_password)
        return "\n".join([places, *(f"  {halt}" for halt in self.halted())])


def is_halt(reason: str) -> bool:
    """Whether a session waits for a person, by the words of `tradedesk.health.why_not`."""
    return reason.startswith("It is HALTED: ")


def kept_server(server: Server) -> Kept:
    """A server that is started again with its data, on its port."""

    def start() -> int:
        if server.log.exists():  # each start has a fresh log
            server.log.replace(server.log.with_name(f"{server.log.name}.1"))
        server.start()
        return server.process.pid if server.process else 0

    return Kept(server.name, server.log, ended=server.ended, start=start)
