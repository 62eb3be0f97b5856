"""The fence at the wire: until when this process may write to the gateway, by clocks that nobody sets.

The lease is PostgreSQL's, but a process that was frozen (SIGSTOP, a suspended machine) wakes in the middle of
a hand-over, and somebody else may hold the lease by then. So every write compares a deadline first: the last
renewal, as of before its statement left, plus the lease's time to live, less a margin.

CLOCK_BOOTTIME goes on while a process is stopped and while a machine is suspended. A virtual machine that its
host froze may not count that time; its wall clock is set right afterwards, so a wall clock that went further
counts as well. What remains is a stop between the comparison and the write itself, microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from brokers.errors import BrokerUnavailable

MARGIN = 0.2  # of the time to live: the next holder begins by its own clock and needs no luck


def elapsed_clocks() -> tuple[float, float]:
    """Seconds of the clock that suspension does not stop, and of the wall clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME), time.time()


class Fence:
    """Open while the lease was renewed in time; shut from the first, and for good once the lease is lost."""

    def __init__(self, clocks: Callable[[], tuple[float, float]] = elapsed_clocks) -> None:
        self._clocks = clocks
        self._renewed_at: tuple[float, float] | None = None
        self._allowed = 0.0  # seconds

    def now(self) -> tuple[float, float]:
        """The clocks, to be read before the statement that takes or renews the lease."""
        return self._clocks()

    def extend(self, began: tuple[float, float], ttl: float) -> None:
        """The lease was taken or renewed by a statement that began then."""
        self._renewed_at, self._allowed = began, ttl * (1 - MARGIN)

    def shut(self) -> None:
        """Somebody else holds the lease."""
        self._renewed_at = None

    @property
    def is_open(self) -> bool:
        """Whether a byte may be written now."""
        began = self._renewed_at  # one read: another thread extends it
        if began is None:
            return False
        return max(now - then for now, then in zip(self._clocks(), began, strict=True)) < self._allowed

    def require(self) -> None:
        """Raise BrokerUnavailable, before anything is written, when the lease may be somebody else's."""
        if not self.is_open:
            raise BrokerUnavailable("the lease was not renewed in time, so nothing was written")
