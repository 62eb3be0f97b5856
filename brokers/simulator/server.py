"""The asyncio shell: sockets on one side, sessions on the other. One write per client and turn."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import cast

from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.journal import Journal, JournalError
from brokers.simulator.session import Session
from brokers.simulator.wire_clock import WireClock

logger = logging.getLogger(__name__)

#: A client that does not read gets this many bytes ahead of it, then it is closed.
MOST_UNREAD = 256 << 20
_TICK_SECONDS = 0.05


class Hub:
    """All connections of one gateway, and the turns in which it works.

    A turn is whatever one event caused: data from a client, a timer, a control request. At its end the
    journal is written first, then the answers are sent.
    """

    def __init__(self, gateway: Gateway, journal: Journal) -> None:
        self.gateway = gateway
        self.connections: set[Connection] = set()
        self.is_hanging = False
        self.wire_clock = WireClock()
        self.failed: asyncio.Future[JournalError] = asyncio.get_running_loop().create_future()
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)

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
            self.disconnect_all(str(error))
            return
        for connection in list(self.connections):
            connection.flush(self.gateway.faults.delay_ms / 1000)
        self.wire_clock.note(self.gateway.state.executions, self.gateway.clock())

    def disconnect_all(self, reason: str) -> None:
        """Close every client's connection now."""
        for connection in list(self.connections):
            connection.session.end(reason)
            connection.abort()

    def hang(self, seconds: float) -> None:
        """Stop reading from every client for a while; what they send waits in the sockets."""
        self.is_hanging = True
        for connection in self.connections:
            connection.pause()
        self._loop.call_later(seconds, self._resume)

    def close(self) -> None:
        """Stop the clock and every connection."""
        self._timer.cancel()
        self.disconnect_all("the gateway stops")

    def _resume(self) -> None:
        self.is_hanging = False
        for connection in self.connections:
            connection.resume()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        self.gateway.pass_time()
        self.end_turn()


class Connection(asyncio.Protocol):
    """One socket. Delayed answers wait in a queue so that they keep their order."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._delayed: deque[tuple[float, bytes]] = deque()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._transport.get_extra_info("peername")
        self.session = Session(self._hub.gateway, f"{peer[0]}:{peer[1]}" if peer else "?")
        self._hub.connections.add(self)
        if self._hub.is_hanging:
            self.pause()

    def data_received(self, data: bytes) -> None:
        self.session.receive(data)
        self._hub.end_turn()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hub.connections.discard(self)
        self.session.end("the client left" if exc is None else str(exc))

    def flush(self, delay: float) -> None:
        """Send what the session has to say, and close if it is over."""
        data = self.session.data_to_send()
        if data:
            if delay or self._delayed:
                self._delay(data, delay)
            else:
                self._transport.write(data)
        if self.session.is_closed and not self._delayed:
            self._transport.close()
        elif self._transport.get_write_buffer_size() > MOST_UNREAD:
            self.session.end("the client does not read")
            self.abort()

    def pause(self) -> None:
        """Stop reading."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection with whatever is unsent."""
        self._transport.abort()

    def _delay(self, data: bytes, delay: float) -> None:
        due = self._loop.time() + delay
        self._delayed.append((due, data))
        if len(self._delayed) == 1:
            self._loop.call_at(due, self._send_due)

    def _send_due(self) -> None:
        if self._delayed and not self._transport.is_closing():
            self._transport.write(self._delayed.popleft()[1])
        if self._delayed:
            self._loop.call_at(self._delayed[0][0], self._send_due)
        elif self.session.is_closed:
            self._transport.close()
