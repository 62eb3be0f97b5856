"""A queue from which nothing is gone before it has been dealt with, whatever becomes of its reader."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import Generic, TypeVar

from brokers.inbox.packing import Packed

T = TypeVar("T")

#: So many are kept as they are, which costs the reader nothing; what comes when more wait is packed.
NEAR = 2_000
#: So many are packed together: more would hold up the loop that puts them for longer than a few milliseconds.
PART = 100


class InboxQueue(Generic[T]):
    """Any thread puts; one thread reads, and removes what it has dealt with.

    `queue.Queue` removes on reading: a reader that ends then takes with it what it had in hand.
    """

    def __init__(self, near: int = NEAR) -> None:
        self._most_near = near
        self._near: deque[T] = deque()
        self._read = 0  # so many of the near ones have been read and not removed
        #: All that came after the near ones; while there is any, only the reader adds to those.
        self._far: deque[Packed[T]] = deque()
        self._last: list[T] = []
        self._far_count = 0
        self._lock = threading.Lock()
        self._arrived = threading.Event()

    def put(self, item: T) -> None:
        """Append; never waits for the reader."""
        with self._lock:
            if self._far_count or len(self._near) >= self._most_near:
                self._put_far(item)
            else:
                self._near.append(item)
        self._arrived.set()

    def _put_far(self, item: T) -> None:
        self._far_count += 1
        self._last.append(item)
        if len(self._last) >= PART:
            self._far.append(Packed(self._last))
            self._last = []

    def get(self, timeout: float) -> T:
        """The next item not read yet; raises queue.Empty when none comes in time."""
        if not self._has_next():
            self._arrived.clear()
            # What was put before the clear is seen here, what is put after it ends the wait.
            if not self._has_next() and not self._arrived.wait(timeout):
                raise queue.Empty
        if not self._has_next():
            raise queue.Empty
        item = self._near[self._read]
        self._read += 1
        return item

    def _has_next(self) -> bool:
        if self._read >= len(self._near) and self._far_count:
            self._bring_near()
        return self._read < len(self._near)

    def _bring_near(self) -> None:
        """Unpack the first of the far ones; they are taken off only then, so that none is ever nowhere."""
        with self._lock:
            first = self._far[0] if self._far else None
            if first is None:
                self._near.extend(self._last)
                self._last, self._far_count = [], 0
        if first is not None:
            self._near.extend(first.items())
            with self._lock:
                self._far.popleft()
                self._far_count -= len(first)

    def remove(self, count: int) -> None:
        """The first so many have been dealt with."""
        for _ in range(count):
            self._read -= 1
            self._near.popleft()

    def rewind(self) -> None:
        """Read again from the first that was not removed."""
        self._read = 0

    def qsize(self) -> int:
        """How many wait, read or not."""
        return len(self._near) + self._far_count

    def empty(self) -> bool:
        return not self.qsize()
