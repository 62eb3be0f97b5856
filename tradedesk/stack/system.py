"""A whole system whose processes can be killed, frozen and started again one by one."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Collection
from contextlib import ExitStack, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg

from tradedesk.env import BASE_DIR
from tradedesk.stack import template
from tradedesk.stack.clients import Api, Control
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.options import StackOptions
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import STACK_MARK, environment, processes
from tradedesk.stack.processes.manage import manage, migrate
from tradedesk.stack.processes.process import end, family_of, kill, marked, spawn
from tradedesk.stack.servers.choice import embedded_postgres, embedded_redis
from tradedesk.stack.urls import Urls, answers

UNPRICED = "SELECT count(*) FROM brokers_instrument WHERE last_px IS NULL"


class System:
    """`with System(folder) as stack:` gives everything, up and ready, on free ports.

    The processes are those of `make up`, but not supervised: what is killed stays dead until it is
    started again. `settings` are added to their environment, to shorten deadlines for example; processes
    named in `without` are left out.
    """

    def __init__(self, folder: Path, *, without: Collection[str] = (), **settings: str) -> None:
        self.options = StackOptions.on_free_ports(folder)
        self.urls = Urls.of(self.options)
        self.settings = settings
        self.without = frozenset(without)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.starts = 0
        self.undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.folder = undo.enter_context(DataFolder(self.options.data))
            copied = self.fill()
            self._start_servers(undo)
            undo.callback(self.stop_all)
            if not copied:
                self.migrate()
            if self.settings or not copied:  # they may name further sessions and accounts
                self.manage("seed")
            self.start_all()
            if "broker" in self.processes:  # without a price to value it a market order is refused
                eventually(lambda: self.rows(UNPRICED) == [(0,)], limit=120)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self.undo.close()

    def fill(self) -> bool:
        """Copy a database that is migrated and seeded; False when there is none."""
        return template.fill(self.folder)

    def migrate(self) -> None:
        """The schema of this version, as the owner of the tables."""
        migrate(self.environment, self.folder.logs, owner_url=self.postgres.url)

    def _start_servers(self, undo: ExitStack) -> None:
        """Servers of its own, whatever the environment of the test run names."""
        self.postgres = embedded_postgres(self.folder)
        self.redis = embedded_redis(self.folder, None)
        for server in (self.postgres, self.redis):
            undo.callback(server.kill)
            server.start()
        shared = environment(
            self.options,
            database_url=self.postgres.app_url,
            redis_url=self.redis.url,
            secret_key=self.folder.secret("secret_key", size=32),
        )
        self.environment = shared | template.first_passwords(self.folder) | self.settings
        self.processes = {
            process.name: process for process in processes(self.options) if process.name not in self.without
        }

    def start(self, *names: str) -> None:
        """Start processes; waits until those with a door of their own answer."""
        for name in names:
            self.launch(name)
        for name in names:
            if url := self.processes[name].health:
                eventually(partial(answers, url), limit=120)

    def launch(self, name: str) -> None:
        """Start a process and wait for nothing; each start has a log of its own."""
        self.starts += 1
        process = self.processes[name]
        self.running[name] = spawn(
            process.argv,
            env={**self.environment, **process.env},
            log=self.folder.logs / f"{name}.{self.starts}.log",
            cwd=BASE_DIR,
        )

    def start_all(self) -> None:
        """Start every process and wait until orders can be sent."""
        self.start(*self.processes)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until database, Redis and the broker session are usable, by the system's own word."""
        eventually(lambda: answers(self.urls.ready), limit=120)

    def kill(self, *names: str) -> None:
        """SIGKILL processes with all their descendants: no goodbye, no clean-up."""
        for name in names:
            process = self.running.pop(name)
            kill(family_of(process.pid))
            process.wait()

    def stop(self, *names: str) -> None:
        """SIGTERM, and wait."""
        for name in names:
            end(self.running.pop(name))

    def stop_all(self) -> None:
        """End everything, at once and without ceremony; also what no longer goes by a name of ours."""
        self.thaw(*self.running)
        self.kill(*list(self.running))
        kill(marked((STACK_MARK, str(self.options.data))))

    def freeze(self, *names: str) -> None:
        """SIGSTOP: the process or server is there, holds its sockets and does nothing."""
        for name in names:
            self._signal(name, signal.SIGSTOP)

    def thaw(self, *names: str) -> None:
        """SIGCONT."""
        for name in names:
            self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        """To a process or server and all its descendants; those that are gone meanwhile are left out."""
        servers = {"postgres": self.postgres.process, "redis": self.redis.process}
        process = self.running.get(name) or servers.get(name)
        for member in family_of(process.pid) if process else ():
            with suppress(psutil.Error):
                member.send_signal(number)

    def restart_postgres(self) -> None:
        """Crash PostgreSQL (`-m immediate`) and start it on the same port."""
        self.postgres.restart_immediately()

    def wipe_redis(self) -> None:
        """FLUSHALL: every queue, message, key and lock is gone."""
        with self.redis.client() as client:
            client.flushall()

    def lose_redis(self) -> None:
        """SIGKILL Redis, delete its data and start it empty on the same port."""
        self.redis.kill()
        shutil.rmtree(self.redis.folder)
        self.redis.start()

    def manage(self, *arguments: str) -> str:
        """Run a management command of this system and return what it printed."""
        return manage(*arguments, env=self.environment, logs=self.folder.logs)

    def connect(self) -> psycopg.Connection:
        """A connection of one's own to the database."""
        return self.postgres.connect()

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of a query, straight from the database."""
        with self.connect() as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    @cached_property
    def api(self) -> Api:
        """The API, with a token that may do everything."""
        copied = self.options.data / template.TOKEN
        known = copied.exists() and not self.settings  # which may name further accounts
        token = copied.read_text() if known else template.api_token(self.manage)
        return self.undo.enter_context(Api(self.urls.http, token))

    @cached_property
    def control(self) -> Control:
        """The gateway's control port."""
        return self.undo.enter_context(Control(self.urls.control))
