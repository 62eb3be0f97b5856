"""Reading bodies in time: the server's own `read` waits for its client as long as that likes.

It cannot be interrupted, so threads of their own read and whoever wants the body waits for them no longer
than it may. A reader that is waited for no more comes back when the connection is closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

#: So many slow bodies are waited for; a thread of the server is held by each, and others must be left.
MANY = 32


class BodyTooSlow(TimeoutError):
    """The body was not there in time."""


class Reading:
    """One read, done by another thread."""

    def __init__(self, read: Callable[[int], bytes], size: int) -> None:
        self._read, self._size = read, size
        self._data: bytes | BaseException = b""
        self._done = Lock()
        self._done.acquire()

    def run(self) -> None:
        """In the reader's thread."""
        try:
            self._data = self._read(self._size)
        except BaseException as error:
            self._data = error
        self._done.release()

    def wait(self, seconds: float) -> bool:
        """Whether it is done by then."""
        return self._done.acquire(timeout=max(seconds, 0))

    def result(self) -> bytes:
        """What was read; raises what the read raised."""
        if isinstance(self._data, BaseException):
            raise self._data
        return self._data


class BodyReaders:
    """The threads that read: as many as there are reads at once, kept for the next ones."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Reading] = SimpleQueue()
        self._count = Lock()
        self._idle = 0  # threads that wait for a read
        self._slow = 0  # reads that are waited for with patience

    def begin(self, read: Callable[[int], bytes], size: int) -> Reading:
        """Have it read."""
        reading = Reading(read, size)
        with self._count:
            self._idle -= 1
            if another := self._idle < 0:
                self._idle += 1  # it is the new thread's
        self._waiting.put(reading)
        if another:
            Thread(target=self._run, name="body-reader", daemon=True).start()
        return reading

    def finish(self, reading: Reading, until: float) -> bytes:
        """Wait for a slow one until this moment (monotonic), but not at all while too many are slow.

        Raises BodyTooSlow.
        """
        with self._count:
            self._slow += 1
            patience = until - time.monotonic() if self._slow <= MANY else 0.0
        try:
            if not reading.wait(patience):
                raise BodyTooSlow("the body was not there in time")
        finally:
            with self._count:
                self._slow -= 1
        return reading.result()

    def _run(self) -> None:
        while True:
            self._waiting.get().run()
            with self._count:
                self._idle += 1
