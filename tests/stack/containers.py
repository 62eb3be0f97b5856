"""Containers without an engine: their commands as processes of this machine, asked by their own checks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stack.compose import Service, health_argv, moved, surroundings
from tradedesk.env import BASE_DIR
from tradedesk.stack.processes.process import end, spawn
from tradedesk.stack.processes.reasons import last_words
from tradedesk.stack.servers.postgres import EmbeddedPostgres

BIN = Path(sys.executable).parent


class Containers:
    """Services that are started against servers of this machine; `undo` ends them."""

    def __init__(self, folder: Path, undo: ExitStack, declared: Mapping[str, Service]) -> None:
        self.folder = folder
        self.undo = undo
        self.declared = declared
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        #: What stands in their declarations, and what it is here.
        self.addresses: dict[str, str] = {}

    def service(self, name: str) -> Service:
        """A service, moved to this machine."""
        return moved(self.declared[name], self.addresses)

    def run(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service's command."""
        service = self.service(name)
        data = self.folder / name
        data.mkdir()
        argv = [part.replace("/data", str(data)) for part in service.command]
        process = spawn(
            argv, env=surroundings(service, BIN, data), log=self.folder / f"{name}.log", cwd=BASE_DIR
        )
        self.running[name] = process
        self.undo.callback(end, process, grace=1)
        return process

    def completes(self, name: str) -> bool:
        """Run a service that ends by itself; whether it ended well."""
        return self.run(name).wait(120) == 0

    def is_healthy(self, name: str) -> bool:
        """Run the service's own health check; a dead process will never pass it."""
        self.require_alive(name)
        return self.passes(name, health_argv(self.service(name)))

    def passes(self, name: str, check: list[str]) -> bool:
        """Whether this command, run where the service runs, ends well."""
        env = surroundings(self.service(name), BIN, self.folder / name)
        asked = subprocess.run(check, env=env, cwd=BASE_DIR, capture_output=True, check=False)
        return asked.returncode == 0

    def require_alive(self, name: str) -> None:
        """Fail the test with a dead process's last words."""
        if self.running[name].poll() is not None:
            pytest.fail(f"{name} died: {last_words(self.folder / f'{name}.log')}")


class PostgresWith(EmbeddedPostgres):
    """PostgreSQL with further options on its command line."""

    def __init__(self, folder: Path, *options: str, password: str = "postgres-secret") -> None:
        super().__init__(folder / "postgres", password=password, log=folder / "postgres.log", durable=False)
        self.options = options

    def prepare(self) -> list[str]:
        """Our command line, then the further options."""
        return [*super().prepare(), *self.options]
