"""A queue from which nothing is gone before it has been dealt with, whatever becomes of its reader."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class InboxQueue(Generic[T]):
    """Any thread puts; one thread reads, and removes what it has dealt with.

    `queue.Queue` removes on reading: a reader that ends then takes with it what it had in hand.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._read = 0  # so many of them have been read and not removed
        self._arrived = threading.Event()

    def put(self, item: T) -> None:
        """Append; never waits."""
        self._items.append(item)
        self._arrived.set()

    def get(self, timeout: float) -> T:
        """The next item not read yet; raises queue.Empty when none comes in time."""
        if self._read >= len(self._items):
            self._arrived.clear()
            # What was put before the clear is seen here, what is put after it ends the wait.
            if self._read >= len(self._items) and not self._arrived.wait(timeout):
                raise queue.Empty
        if self._read >= len(self._items):
            raise queue.Empty
        item = self._items[self._read]
        self._read += 1
        return item

    def remove(self, count: int) -> None:
        """The first so many have been dealt with."""
        for _ in range(count):
            self._read -= 1
            self._items.popleft()

    def rewind(self) -> None:
        """Read again from the first that was not removed."""
        self._read = 0

    def qsize(self) -> int:
        """How many wait, read or not."""
        return len(self._items)

    def empty(self) -> bool:
        return not self._items
