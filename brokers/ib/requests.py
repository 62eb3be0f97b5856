"""Requests to the gateway that collect rows until their end marker.

The gateway answers open orders, completed orders and positions without a request id, so only one of
each may be under way; ib_async leaves the first of two overlapping ones hanging. Every wait has a
timeout, and a lost connection ends all of them with an error: an answer is whole or it is none.

An answer that nobody waits for any more may still come, and without an id it would pass for the answer
to the next request. Its end marker is owed: until it has come, rows belong to nobody.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from brokers.errors import BrokerError, BrokerUnavailable, OutcomeUnknown
from brokers.rows import Rows

Key = int | str
PROBE = "currentTime"


class RequestFailed(OutcomeUnknown):
    """The gateway answered a request with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}", code=str(code))
        self.ib_code = code


class Requests:
    """Open requests of one connection; used on the loop only."""

    def __init__(self) -> None:
        self._rows: dict[Key, list[Any] | Rows[Any]] = {}
        self._done: dict[Key, asyncio.Future[None]] = {}
        self._owed: Counter[Key] = Counter()
        self._ended: set[Key] = set()
        #: Rows of answers so far: while it grows, the gateway has heard us and answers.
        self.answered = 0

    def open(self, key: Key, rows: Rows[Any] | None = None) -> asyncio.Future[None]:
        """Begin to collect under this key; its future ends with the end marker or an error.

        `rows`: what takes an answer that may be long.
        """
        if key in self._done:
            raise RuntimeError(f"a request {key} is under way")
        self._rows[key] = [] if rows is None else rows
        self._done[key] = asyncio.get_running_loop().create_future()
        return self._done[key]

    def is_open(self, key: Key) -> bool:
        """Whether somebody waits for this."""
        return key in self._done

    async def collect(self, key: Key) -> Any:
        """Wait for the end of a request; its rows. Raises RequestFailed or BrokerUnavailable."""
        answered = False
        try:
            await self._done[key]
            answered = True
            return self._rows[key]
        finally:
            self.close(key, answered=answered)

    def close(self, key: Key, *, answered: bool) -> None:
        """Nobody waits for it any more; `answered` False when it was sent and its end has not come."""
        self._done.pop(key, None)
        self._rows.pop(key, None)
        if not answered and isinstance(key, str) and key not in self._ended:
            self._owed[key] += 1
        self._ended.discard(key)

    def add(self, key: Key, row: Any) -> None:
        """A row arrived; one that nobody asked for, or that comes after the timeout, is left alone."""
        if key in self._rows and not self._owed[key]:
            self._rows[key].append(row)
            self.answered += 1

    def end(self, key: Key) -> None:
        """The end marker arrived."""
        if self._owed[key]:
            self._owed[key] -= 1
            return
        future = self._done.get(key)
        if future and future.done():
            self._ended.add(key)  # of an answer that is not whole
        elif future:
            future.set_result(None)

    def fail(self, key: Key, code: int, text: str) -> None:
        """The gateway refused the request."""
        future = self._done.get(key)
        if future and not future.done():
            future.set_exception(RequestFailed(code, text))

    def spoil(self, error: BrokerError) -> None:
        """No answer about the broker can be whole; a probe only asks whether the gateway is there."""
        for key, future in self._done.items():
            if key != PROBE and not future.done():
                future.set_exception(error)

    def connection_lost(self) -> None:
        """No answer will come any more."""
        for future in self._done.values():
            if not future.done():
                future.set_exception(BrokerUnavailable("the connection was lost while waiting"))
