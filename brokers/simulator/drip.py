"""A line so slow that bytes come and go a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Drip:
    """Hands bytes on, `size` at a time, one piece every `pause` seconds, in their order."""

    def __init__(self, size: int, pause: float, hand_on: Callable[[bytes], None]) -> None:
        self._size = size
        self._pause = pause
        self._hand_on = hand_on
        self._waiting = bytearray()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def feed(self, data: bytes) -> None:
        """Take bytes; the first piece goes on after one pause."""
        self._waiting += data
        if self._timer is None and self._waiting:
            self._timer = self._loop.call_later(self._pause, self._next)

    def flush(self) -> None:
        """Hand on everything now."""
        self.stop()
        data, self._waiting = bytes(self._waiting), bytearray()
        if data:
            self._hand_on(data)

    def stop(self) -> None:
        """Hand on nothing more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        self._timer = None
        piece = bytes(self._waiting[: self._size])
        del self._waiting[: self._size]
        if self._waiting:
            self._timer = self._loop.call_later(self._pause, self._next)
        self._hand_on(piece)
