"""The simulated gateway as a process of its own, on free ports."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from ib_async import IB

from tradedesk.stack.ports import free_port
from tradedesk.stack.urls import PLAIN

LIMIT = 60.0


class SimulatedGateway:
    """Starts, kills and asks one simulated gateway; its data folder stays the same across restarts."""

    def __init__(self, data: Path, *options: str) -> None:
        self.port, self.control_port = free_port(), free_port()
        self._data = data
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def command(self) -> list[str]:
        ports = ["--port", str(self.port), "--control-port", str(self.control_port)]
        return [sys.executable, "-m", "brokers.simulator", *ports, "--data", str(self._data), *self._options]

    def start(self) -> None:
        """Start it and wait for its ready line."""
        self._process = subprocess.Popen(
            self.command(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout
        assert "ready on" in self._process.stdout.readline()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self._process
        self._process.send_signal(number)
        code = self._process.wait(LIMIT)
        assert self._process.stdout
        self._process.stdout.close()
        self._process = None
        return code

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def get(self, path: str) -> Any:
        url = f"http://127.0.0.1:{self.control_port}{path}"
        return httpx.get(url, verify=PLAIN, timeout=LIMIT).raise_for_status().json()

    def post(self, path: str, body: object = None) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.control_port}{path}", json=body, verify=PLAIN, timeout=LIMIT
        )

    def delete(self, path: str) -> httpx.Response:
        return httpx.delete(f"http://127.0.0.1:{self.control_port}{path}", verify=PLAIN, timeout=LIMIT)

    def fault(self, kind: str, **fields: object) -> None:
        """Ask for a fault."""
        answer = self.post("/faults", [{"kind": kind, **fields}])
        assert answer.status_code == 200, answer.text

    async def connect(self, client_id: int = 1) -> IB:
        """Connect as a foreign program would, with everything the library fetches at the start."""
        ib = IB()
        await ib.connectAsync("127.0.0.1", self.port, client_id, timeout=LIMIT, raiseSyncErrors=True)
        return ib


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; fail after the limit."""
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine in a loop of its own."""

    async def main() -> None:
        await test()

    asyncio.run(main())
