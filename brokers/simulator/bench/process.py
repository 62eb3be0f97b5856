"""The programs that are measured: a simulated gateway of its own, and a server that only echoes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

from brokers.simulator.wire.frames import pack

_LIMIT = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class GatewayProcess:
    """A simulated gateway with its memory in `data`; the same again after `kill` and `start`."""

    def __init__(self, data: Path) -> None:
        self.port, self.control_port = free_port(), free_port()
        self._data = data
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> float:
        """Start it; return the seconds until it is ready."""
        began = perf_counter()
        ports = ["--port", str(self.port), "--control-port", str(self.control_port)]
        command = [sys.executable, "-m", "brokers.simulator", *ports, "--data", str(self._data)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        if "ready on" not in self._process.stdout.readline():
            raise RuntimeError("the simulated gateway did not start")
        return perf_counter() - began

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_LIMIT)
            self._process = None

    def memory(self) -> int:
        """Return the bytes of memory that it holds."""
        assert self._process is not None  # noqa: S101 - asked of a running one
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * _PAGE

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far, in user and system mode."""
        assert self._process is not None  # noqa: S101 - asked of a running one
        # The name in brackets may hold spaces; utime and stime are fields 14 and 15 of proc(5).
        after_name = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS

    def get(self, path: str) -> bytes:
        """Return what the control port answers."""
        with urlopen(f"http://127.0.0.1:{self.control_port}{path}", timeout=_LIMIT) as answer:
            body: bytes = answer.read()
            return body

    def journal_bytes(self) -> int:
        """Return the size of its memory on disk."""
        return sum(file.stat().st_size for file in self._data.rglob("journal*"))


class EchoProcess:
    """A bare asyncio server: for every frame it answers as many bytes as the gateway does for an order."""

    def __init__(self, answer_bytes: int) -> None:
        self.port = free_port()
        self._process = get_context("spawn").Process(target=_serve, args=(self.port, answer_bytes))
        self._process.start()

    def wait(self) -> None:
        """Wait until it listens; raises TimeoutError."""
        began = perf_counter()
        while perf_counter() - began < _LIMIT:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                continue
            return
        raise TimeoutError("the echo server did not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.join(_LIMIT)


def _serve(port: int, answer_bytes: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Echo(answer_bytes), "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(main())


class _Echo(asyncio.Protocol):
    """Says what a gateway says at the start of a session, and then the same of every order: filled."""

    def __init__(self, answer_bytes: int) -> None:
        self._filler = pack(["0", "x" * max(answer_bytes - 80, 1)])
        self._rest = b""
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._greeted:
            data = data[4:]
        start, answers = 0, []
        while len(data) - start >= 4:
            end = start + 4 + int.from_bytes(data[start : start + 4], "big")
            if end > len(data):
                break
            answers.append(self._answer(data[start + 4 : end]))
            start = end
        self._rest = data[start:]
        self._transport.write(b"".join(answers))  # type: ignore[attr-defined]

    def _answer(self, payload: bytes) -> bytes:
        if not self._greeted:
            self._greeted = True
            return pack(["178", "20260101 00:00:00 UTC"])
        if not payload.startswith(b"3\0"):
            return pack(["9", "1", "1"])
        order_id = payload.split(b"\0", 2)[1].decode()
        return self._filler + pack(["3", order_id, "Filled", "1"])
