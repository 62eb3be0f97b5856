"""The circuit breaker of a gateway: after failures in a row no new orders, then one as a probe.

Failures are orders that were not answered in time, connections that were refused or lost, and probes of
the link that were missed. A gateway may hold its connection and never answer an order: each such order
is in doubt, and the breaker keeps their number small. The breaker libraries (pybreaker, purgatory) wrap
a call that fails or returns; here the answer comes later, by another thread, or not at all, so these
few dozen lines are ours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """What may be sent."""

    CLOSED = "CLOSED"  # everything
    OPEN = "OPEN"  # nothing new
    HALF_OPEN = "HALF_OPEN"  # one order, to see whether it is answered


class Breaker:
    """Opens after `threshold` failures in a row; tries again after `cool_down` seconds.

    If it was the connection that failed, a snapshot that was answered whole allows the probe at
    once; an unanswered order is waited out.
    """

    def __init__(self, threshold: int, cool_down: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.threshold = threshold
        self.cool_down = cool_down
        self._clock = clock
        self._failures = 0
        self._by_orders = False
        self._state = BreakerState.CLOSED
        self._opened_at = 0.0
        self._probed_at: float | None = None
        self._lock = threading.Lock()

    @property
    def state(self) -> BreakerState:
        """The state as of now."""
        with self._lock:
            self._cool()
            return self._state

    def room(self, wanted: int) -> int:
        """How many of `wanted` new orders may be sent now."""
        with self._lock:
            self._cool()
            if self._state is BreakerState.CLOSED:
                return wanted
            return min(wanted, 1) if self._state is BreakerState.HALF_OPEN and self._may_probe() else 0

    def sent(self, count: int) -> None:
        """So many new orders were sent."""
        with self._lock:
            if count and self._state is BreakerState.HALF_OPEN:
                self._probed_at = self._clock()

    def unanswered(self, count: int) -> None:
        """So many orders were not answered in time."""
        with self._lock:
            self._by_orders |= count > 0
            self._fail(count)

    def connection_failed(self) -> None:
        """The gateway refused the connection, closed it or missed a probe."""
        with self._lock:
            self._fail(1)

    def reconciled(self) -> None:
        """A snapshot was answered whole."""
        with self._lock:
            if self._by_orders:
                return
            self._failures = 0
            if self._state is BreakerState.OPEN:
                self._state, self._probed_at = BreakerState.HALF_OPEN, None

    def answered(self) -> None:
        """The broker acknowledged an order."""
        with self._lock:
            self._failures, self._by_orders = 0, False
            self._state, self._probed_at = BreakerState.CLOSED, None

    def _fail(self, count: int) -> None:
        self._failures += count
        if count and (self._failures >= self.threshold or self._state is BreakerState.HALF_OPEN):
            self._state, self._opened_at, self._probed_at = BreakerState.OPEN, self._clock(), None

    def _cool(self) -> None:
        if self._state is BreakerState.OPEN and self._clock() - self._opened_at >= self.cool_down:
            self._state = BreakerState.HALF_OPEN

    def _may_probe(self) -> bool:
        """A probe may end without a word, put back or lost with its link: then another one is due."""
        return self._probed_at is None or self._clock() - self._probed_at >= self.cool_down
