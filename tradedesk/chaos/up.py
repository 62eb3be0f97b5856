"""`manage.py up` as a process of its own, as `make up` runs it: everything in it can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg

from tradedesk.env import BASE_DIR
from tradedesk.stack import template
from tradedesk.stack.clients import Api, Control
from tradedesk.stack.errors import StackError
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.options import StackOptions
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import MANAGE, Process, processes
from tradedesk.stack.urls import Urls, answers

#: Servers of whoever runs this; the stack has its own.
OTHERS = ("DATABASE_URL", "REDIS_URL", "PGOPTIONS", "TRADEDESK_DATA")
#: What the log of a process without a door says once it works.
SAYS = {"worker": " ready.", "beat": "beat: Starting"}
FORKING = ("web", "stream")  # granian serves in a child
CHILD = "'s child"
NAMED = {"postgres": "PostgreSQL", "redis": "Redis", "supervisor": "The supervisor"}
SESSION = "SELECT 1 FROM brokers_gatewaysession WHERE link = 'READY' AND lease_owner LIKE %s"
SERVERS = {"postgres": "postgres/postmaster.pid", "redis": "redis/valkey.pid"}


class Up:
    """`with Up(folder) as up:` holds it up on free ports; leaving stops it in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.options = StackOptions.on_free_ports(folder)
        self.urls = Urls.of(self.options)
        self.output = self.folder / "up.out"
        self.env = {name: value for name, value in os.environ.items() if name not in OTHERS}
        self.undo = ExitStack()

    def __enter__(self) -> Self:
        with DataFolder(self.folder) as folder:
            template.fill(folder)
        options = [f"{option}={port}" for port, option in self.options.ports()]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*MANAGE, "up", f"--data={self.folder}", *options],
                cwd=BASE_DIR,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            eventually(lambda: "Tradedesk is up" in self.said() or self.process.poll() is not None, limit=240)
            if self.process.poll() is not None:
                raise StackError(self.said().splitlines()[-1])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.undo.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)

    def said(self) -> str:
        """What the terminal shows."""
        return self.output.read_text(errors="replace")

    @cached_property
    def processes(self) -> dict[str, Process]:
        """The processes of the stack, by name."""
        return {process.name: process for process in processes(self.options)}

    @property
    def names(self) -> list[str]:
        """Everything that can be killed: the supervisor last, for its processes end with it."""
        return [*self.processes, *SERVERS, *(f"{name}{CHILD}" for name in FORKING), "supervisor"]

    def kill(self, name: str) -> None:
        """SIGKILL this one process, and nothing else."""
        process = psutil.Process(self.pid(name.removesuffix(CHILD)))
        (process.children()[0] if name.endswith(CHILD) else process).kill()

    def ended_by(self, name: str) -> list[str]:
        """What a kill ends: all processes with the supervisor, the parent with its child."""
        return [*self.processes, name] if name == "supervisor" else [name.removesuffix(CHILD)]

    def who(self, name: str) -> str:
        """How `up` calls who ends by this kill."""
        return NAMED.get(name, f"The process {name.removesuffix(CHILD)}")

    def deaths(self) -> list[str]:
        """What `up` said of each death, in order, without date and time."""
        log = self.folder / "logs/restarts.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split(" ", 2)[2] for line in lines if "It is started again" in line]

    def pid(self, name: str) -> int:
        """The pid of a process, a server or the supervisor; 0 while there is none."""
        path = self.folder / SERVERS.get(name, f"run/{name}.pid")
        text = path.read_text() if path.exists() else ""
        return int(text.split()[0]) if text else 0

    def log_size(self, name: str) -> int:
        """Bytes in the log of a process."""
        return (self.folder / f"logs/{name}.log").stat().st_size

    def serves(self, name: str, since: int) -> bool:
        """Whether it does its work; `since` is the size of its log when it was killed."""
        if name == "postgres":
            return self.can_connect()
        if name == "redis":
            return "Ready to accept connections" in (self.folder / "logs/redis.log").read_text()
        if name in SAYS:
            return SAYS[name].encode() in (self.folder / f"logs/{name}.log").read_bytes()[since:]
        if name == "broker":
            return self.has_session()
        process = self.processes.get(name)
        return answers(process.health if process and process.health else self.urls.ready)

    def has_session(self) -> bool:
        """Whether the running broker worker holds the session, and its link is ready."""
        with self.connect() as connection:
            found = connection.execute(SESSION.encode(), [f"%:{self.pid('broker')}:%"]).fetchone()
        return found is not None

    def can_connect(self) -> bool:
        """Whether PostgreSQL takes connections."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self) -> psycopg.Connection:
        """A connection to the database."""
        facts = json.loads((self.folder / "stack.json").read_text())
        return psycopg.connect(facts["DATABASE_URL"], connect_timeout=3, autocommit=True)

    def manage(self, *arguments: str) -> str:
        """Run a management command on the stack and return what it printed."""
        env = self.env | {"TRADEDESK_DATA": str(self.folder)}
        for person in ("desk", "approver"):
            if (password := self.folder / f"{person}_password").exists():
                env[f"TRADEDESK_{person.upper()}_PASSWORD"] = password.read_text().strip()
        done: Any = subprocess.run(
            [*MANAGE, *arguments], cwd=BASE_DIR, env=env, capture_output=True, text=True, check=True
        )
        return str(done.stdout).strip()

    @cached_property
    def api(self) -> Api:
        """The API, with a token that may do everything."""
        return self.undo.enter_context(Api(self.urls.http, template.api_token(self.manage, "kills")))

    @cached_property
    def control(self) -> Control:
        """The gateway's control port."""
        return self.undo.enter_context(Control(self.urls.control))
