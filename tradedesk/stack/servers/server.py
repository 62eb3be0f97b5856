"""What the embedded PostgreSQL and the embedded Redis have in common: one supervised server process."""

from __future__ import annotations

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from tradedesk.stack.errors import StackError
from tradedesk.stack.ports import free_port
from tradedesk.stack.processes.process import Account, end, end_leftover, family_of, kill, spawn, wait_until
from tradedesk.stack.processes.reasons import last_words

START_LIMIT = 60.0  # seconds; a recovery after a crash reads the log first
MARK = "TRADEDESK_SERVER_OF"


class Server(ABC):
    """One embedded server on 127.0.0.1, its data in `folder`, its output in `log`.

    It keeps its port from start to start, so clients find it again after a restart.
    """

    name: str
    stop_signal: int = signal.SIGTERM

    def __init__(self, folder: Path, *, password: str, log: Path) -> None:
        self.folder = folder
        self.password = password
        self.log = log
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.account: Account | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL for `DATABASE_URL` or `REDIS_URL`, with its password."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Make the folder ready and return the server's command line."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether a client is served."""

    @abstractmethod
    def noted_pid(self) -> int | None:
        """The pid that the running server notes in its folder; it stays there when the server is killed."""

    def start(self) -> None:
        """Start the server and wait until it serves; raises StackError with the reason from its log."""
        if (pid := self.noted_pid()) is not None:
            end_leftover(pid, (MARK, str(self.folder)), self.stop_signal)
        self.process = spawn(
            self.prepare(),
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", MARK: str(self.folder)},
            log=self.log,
            cwd=self.folder,
            account=self.account,
            orphan_signal=self.stop_signal,
        )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when the server serves; raises StackError when it ended or does not within a minute."""
        if not wait_until(lambda: not self.alive or self.answers(), limit=START_LIMIT) or not self.alive:
            self.kill()
            raise StackError(f"{self.name} did not start: {last_words(self.log)} (log: {self.log})")

    @property
    def alive(self) -> bool:
        """Whether the process we started is still there."""
        return self.process is not None and self.process.poll() is None

    def ended(self) -> int | None:
        """The exit code, or the negative signal, of a server that died; None while it runs."""
        return self.process.poll() if self.process is not None else None

    def stop(self) -> None:
        """Stop in order; nothing happens when it does not run."""
        if self.process is not None:
            end(self.process, self.stop_signal)
            self.process = None

    def kill(self) -> None:
        """SIGKILL the server and all its processes: the crash."""
        if self.process is not None:
            kill(family_of(self.process.pid))
            self.process.wait()
            self.process = None
