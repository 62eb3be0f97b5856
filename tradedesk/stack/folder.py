"""The data folder: everything the local stack writes is in it, and one stack at a time runs on it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Self

from tradedesk.stack.errors import StackError
from tradedesk.stack.processes.process import wait_until


class DataFolder:
    """An open data folder, locked for this process until `close()`.

    Raises StackError when it cannot be used or another stack runs on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock = os.open(self.path / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self.logs.mkdir(exist_ok=True)
            self.run.mkdir(exist_ok=True)
        except OSError as error:
            raise StackError(
                f"The data folder {self.path} cannot be used ({error.strerror}): choose another with --data."
            ) from None
        self._acquire()

    def _acquire(self) -> None:
        """Take the lock; the kernel frees it when this process dies, however it dies.

        A second is given to management commands, which touch the lock to see whether a stack runs.
        """
        if not wait_until(self._locked, limit=1):
            os.close(self.lock)
            raise StackError(
                f"Another stack is running on {self.path}: stop it, or choose another folder with --data."
            )

    def _locked(self) -> bool:
        """Try to take the lock."""
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @property
    def logs(self) -> Path:
        """The folder with one log per process."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """The folder with the pids of the running processes."""
        return self.path / "run"

    def secret(self, name: str, *, size: int = 24) -> str:
        """A random secret of `size` bytes, kept in a file that only its owner can read; made on first use."""
        path = self.path / name
        try:
            found = path.read_text().strip()
        except FileNotFoundError:
            found = secrets.token_hex(size)
            write_private(path, found)
        if not found:  # every process would trip over it in a way of its own
            raise StackError(f"The file {path} is empty: put back what was in it.")
        return found

    def publish(self, facts: dict[str, object]) -> None:
        """Tell management commands how to reach the running stack (`tradedesk.env.local_stack`)."""
        write_private(self.path / "stack.json", json.dumps(facts, indent=2) + "\n")

    def close(self) -> None:
        """Take back what was published and free the lock."""
        (self.path / "stack.json").unlink(missing_ok=True)
        os.close(self.lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def write_private(path: Path, text: str) -> None:
    """Write a file that is 0600 from its first byte and replaces an old one at once."""
    staging = path.with_name(path.name + ".new")
    staging.unlink(missing_ok=True)
    with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # a power cut leaves the old one or the whole new one, never an empty one
    staging.rename(path)
