"""PostgreSQL that takes up to half a second a round trip, for twenty seconds: slower, and nothing else."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Self

from tests.soak.sickness import Measure, light_flow, readyz, trades_again
from tradedesk.chaos.ground import Ground
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import HOST, free_port
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

SLOW = 20.0  # seconds
ROUND_TRIP = (0.2, 0.5)  # seconds, by chance


class SlowProxy:
    """Hands bytes on between clients and a server; what clients send waits while it `is_slow`."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.port = free_port()
        self.is_slow = False
        self.chance = Random(3)
        self.listener = socket.create_server((HOST, self.port))
        self.sockets = [self.listener]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for each in self.sockets:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection((HOST, self.to))
                self.sockets += [client, server]
                for one, other, waits in ((client, server, True), (server, client, False)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._hand_on, args=(one, other, waits), daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket, waits: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if waits and self.is_slow:
                    time.sleep(self.chance.uniform(*ROUND_TRIP))
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class BehindProxy(System):
    """A system whose processes reach PostgreSQL by the proxy; we reach it directly."""

    def _start_servers(self, undo: ExitStack) -> None:
        super()._start_servers(undo)
        self.proxy = undo.enter_context(SlowProxy(self.postgres.port))
        url = self.environment["DATABASE_URL"]
        self.environment["DATABASE_URL"] = url.replace(f":{self.postgres.port}/", f":{self.proxy.port}/")


def test_a_slow_postgresql_is_said_and_loses_nothing(tmp_path: Path, record_property: Measure) -> None:
    with BehindProxy(tmp_path / "stack", without=ONLOOKERS) as stack:
        ground = Ground(stack)
        with light_flow(stack, stack.api, "slow") as flow:
            taken, began = len(flow.taken), time.monotonic()
            stack.proxy.is_slow = True
            eventually(lambda: "The database takes 0." in readyz(stack.urls.http), limit=SLOW)
            while time.monotonic() < began + SLOW:
                ground.supervise()
                time.sleep(0.5)
            record_property("orders taken meanwhile", len(flow.taken) - taken)
            stack.proxy.is_slow = False
            trades_again(stack.api, record_property)
            eventually(lambda: '"status": "ready"' in readyz(stack.urls.http), limit=120)
        record_property("processes that ended", dict(ground.ended))
        assert not ground.ended
