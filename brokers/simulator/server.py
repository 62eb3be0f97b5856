"""The asyncio shell: sockets on one side, sessions on the other. One write per client and turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from brokers.simulator.connection import Connection
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.journal import Journal, JournalError
from brokers.simulator.wire_clock import WireClock

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.05


class DripRule(NamedTuple):
    """Lines are slow: `size` bytes every `pause` seconds, for one client or (None) all."""

    client_id: int | None
    size: int
    pause: float


class TwsPort:
    """The TWS port: open, or closed as while a gateway restarts."""

    def __init__(self, host: str, port: int, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._host, self._port, self._protocol = host, port, protocol
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; raises OSError if the port is in use."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, self._host, self._port)

    @property
    def is_open(self) -> bool:
        """Whether clients may come."""
        return self._server is not None

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None


class Hub:
    """All connections of one gateway, and the turns in which it works.

    A turn is whatever one event caused: data from a client, a timer, a control request. At its end the
    journal is written first, then the answers are sent.
    """

    def __init__(self, gateway: Gateway, journal: Journal) -> None:
        self.gateway = gateway
        self.connections: set[Connection] = set()
        self.wire_clock = WireClock(gateway.state.executions)
        self.hanging: set[int | None] = set()
        self.drip: DripRule | None = None
        self.listener: TwsPort | None = None
        self.failed: asyncio.Future[JournalError] = asyncio.get_running_loop().create_future()
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        self._next_slice: asyncio.Handle | None = None
        self._opening: asyncio.Task[None] | None = None

    def end_turn(self) -> None:
        """Write down what happened, then say it."""
        if self.failed.done():
            return
        self.gateway.end_turn()
        try:
            self._journal.commit(self.gateway.state)
        except JournalError as error:
            # Nothing may be said that is not written down: stop, like a gateway whose disk is gone.
            self.failed.set_result(error)
            self.disconnect(str(error))
            return
        # Before the bytes go: a busy machine lets the client store a fill before this process goes on.
        self.wire_clock.record(self.gateway.state.executions, self.gateway.clock())
        for connection in list(self.connections):
            connection.flush(self.gateway.faults.delay_ms / 1000)
        self._go_on_soon()

    def _go_on_soon(self) -> None:
        """Send the next slice of long answers after whoever has something to say now was served."""
        if self._next_slice is None and any(link.may_go_on for link in self.gateway.links):
            self._next_slice = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._next_slice = None
        for link in self.gateway.links:
            if link.may_go_on:
                link.go_on()
        self.end_turn()

    def disconnect(self, reason: str, client_id: int | None = None) -> None:
        """Close one client's connection, or all of them, now."""
        for connection in self.of_client(client_id):
            connection.session.end(reason)
            connection.abort()

    def of_client(self, client_id: int | None) -> list[Connection]:
        """Return the connections of one client, or all."""
        return [
            connection
            for connection in self.connections
            if client_id in (None, connection.session.link.client_id)
        ]

    def is_hanging(self, client_id: int | None) -> bool:
        """Whether nothing is read from this client now."""
        return None in self.hanging or (client_id is not None and client_id in self.hanging)

    def hang(self, client_id: int | None) -> None:
        """Stop reading from one client or all; what they send waits in the sockets."""
        self.hanging.add(client_id)
        for connection in self.of_client(client_id):
            connection.pause()

    def resume(self, client_id: int | None = None) -> None:
        """Read again."""
        self.hanging.discard(client_id)
        for connection in self.connections:
            if not self.is_hanging(connection.session.link.client_id):
                connection.resume()

    def slow_down(self, rule: DripRule | None) -> None:
        """Make lines slow, or (None) fast again."""
        self.drip = rule
        for connection in self.connections:
            connection.set_drip(rule)

    def close_port(self, reason: str) -> None:
        """Be gone, as while a gateway restarts."""
        if self.listener is not None:
            self.listener.close()
        self.disconnect(reason)

    @property
    def is_closed(self) -> bool:
        """Whether nobody can connect now."""
        return self.listener is not None and not self.listener.is_open

    def open_port(self) -> None:
        """Be there again."""
        if self.listener is not None and (self._opening is None or self._opening.done()):
            self._opening = self._loop.create_task(self._open(self.listener))

    async def _open(self, listener: TwsPort) -> None:
        try:
            await listener.open()
        except OSError as error:  # somebody took the port meanwhile
            logger.warning("cannot listen again: %s", error)
            self._loop.call_later(1, self.open_port)

    def close(self) -> None:
        """Stop the clock and every connection."""
        self._timer.cancel()
        if self._next_slice is not None:
            self._next_slice.cancel()
        self.disconnect("the gateway stops")

    def _tick(self) -> None:
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        self.gateway.pass_time()
        for connection in list(self.connections):
            connection.catch_up()
        self.end_turn()
