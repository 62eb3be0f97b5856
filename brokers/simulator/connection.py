"""One socket of the gateway's clients, and everything that can slow it down."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from brokers.simulator.drip import Drip
from brokers.simulator.session import Session

if TYPE_CHECKING:
    from brokers.simulator.server import DripRule, Hub

#: A client that does not read gets this many bytes ahead of it, then it is closed.
MAX_UNREAD_BYTES = 256 << 20
#: A client whose messages wait to be read has no more taken from it than this.
_MAX_WAITING_BYTES = 1 << 16


class Connection(asyncio.Protocol):
    """Feeds a session. Delayed answers wait in a queue so that they keep their order."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._delayed: deque[tuple[float, bytes]] = deque()
        self._delayed_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._in: Drip | None = None
        self._out: Drip | None = None
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._transport.get_extra_info("peername")
        self.session = Session(self._hub.gateway, f"{peer[0]}:{peer[1]}" if peer else "?")
        self._hub.connections.add(self)
        self.set_drip(self._hub.drip)
        if self._hub.is_hanging(None):
            self.pause()

    def data_received(self, data: bytes) -> None:
        if self._in is None:
            self._take(data)
            return
        self._in.feed(data)
        self._adjust_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hub.connections.discard(self)
        for drip in (self._in, self._out):
            if drip is not None:
                drip.stop()
        self.session.end("the client left" if exc is None else str(exc))

    def resume_writing(self) -> None:
        """The client has read: long answers go on (asyncio calls this)."""
        self._update_fullness()
        self._hub.end_turn()

    def flush(self, delay: float) -> None:
        """Send what the session has to say, and close if it is over."""
        data = self.session.data_to_send()
        if data:
            if delay or self._delayed:
                self._delay(data, delay)
            else:
                self._send(data)
        self._close_if_over()
        self._update_fullness()
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.session.end("the client does not read")
            self.abort()

    def pause(self) -> None:
        """Stop reading."""
        self._is_paused = True
        self._adjust_reading()

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        self._adjust_reading()

    def catch_up(self) -> None:
        """Read what had to wait for its second."""
        if not self._is_paused and not self._transport.is_reading():
            self.session.receive(b"")
            self._adjust_reading()

    def set_drip(self, rule: DripRule | None) -> None:
        """Make the line slow, or fast again."""
        is_mine = rule is not None and rule.client_id in (None, self.session.link.client_id)
        for drip in (self._in, self._out):
            if drip is not None and not is_mine:
                drip.flush()
        self._in = Drip(rule.size, rule.pause, self._take) if rule and is_mine else None
        self._out = Drip(rule.size, rule.pause, self._write) if rule and is_mine else None

    def abort(self) -> None:
        """Drop the connection with whatever is unsent."""
        self._transport.abort()

    def _take(self, data: bytes) -> None:
        self.session.receive(data)
        self._adjust_reading()
        self._hub.end_turn()

    def _adjust_reading(self) -> None:
        """Take more from the socket only while what was taken is not waiting."""
        is_full = self._in is not None and len(self._in) > _MAX_WAITING_BYTES
        if self._transport.is_closing():
            return
        if self._is_paused or is_full or self.session.is_behind:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _send(self, data: bytes) -> None:
        if self._out is None:
            self._write(data)
        else:
            self._out.feed(data)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
        self._close_if_over()

    def _update_fullness(self) -> None:
        unsent = self._delayed_bytes + (len(self._out) if self._out is not None else 0)
        self.session.link.is_full = unsent + self._transport.get_write_buffer_size() > _MAX_WAITING_BYTES

    def _close_if_over(self) -> None:
        # A drip with nothing in it is false.
        if self.session.is_closed and not self._delayed and not self._out:
            self._transport.close()

    def _delay(self, data: bytes, delay: float) -> None:
        due = self._loop.time() + delay
        self._delayed.append((due, data))
        self._delayed_bytes += len(data)
        if len(self._delayed) == 1:
            self._loop.call_at(due, self._send_due)

    def _send_due(self) -> None:
        if self._delayed:
            _, data = self._delayed.popleft()
            self._delayed_bytes -= len(data)
            self._send(data)
        if self._delayed:
            self._loop.call_at(self._delayed[0][0], self._send_due)
        else:
            self._close_if_over()
