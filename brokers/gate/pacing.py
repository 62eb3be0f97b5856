"""Pacing towards the gateway, in front of the client library's own throttle.

IB Gateway takes 50 messages a second from a client, or half as many as its user has market data lines; what
is above waits in PostgreSQL, never in a queue in memory that a disconnect would drop. Every message counts,
questions and subscriptions too.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

WINDOW = 1.02  # seconds: IB's one, and what a message may be early or late on its way
#: Messages of each window that orders leave to what the connection says by itself: probes, looks, prices.
OWN = 2
#: Seconds after a cancel in which more of them are expected.
CANCELS_EXPECTED = 10.0


class Share(Enum):
    """For what messages are to go out."""

    ORDERS = "orders"
    CANCELS = "cancels"
    OWN = "own"


class Pacer:
    """Grants messages within a moving window; all of a window may go at its beginning, in one burst.

    A reserve is kept back for cancels while they are needed: from the first one on until there was none for
    `CANCELS_EXPECTED`. The first waits a window at most. Any thread may ask.
    """

    def __init__(self, per_second: int, reserve: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.reserve = reserve
        self._clock = clock
        self._sent: deque[float] = deque()
        self._reserved = 0
        self._cancels_until = float("-inf")
        self._lock = threading.Lock()

    def take(self, most: int, share: Share = Share.ORDERS) -> int:
        """Reserve so many messages, or fewer; `went` must follow, whatever happens."""
        with self._lock:
            now = self._clock()
            if share is Share.CANCELS and most:
                self._cancels_until = now + CANCELS_EXPECTED
            granted = min(most, self._room(now, share))
            self._reserved += granted
            return granted

    def went(self, reserved: int, count: int) -> None:
        """A reservation ends: so many messages went out by now.

        They count from now on, not from when they were reserved: a slow claim between would let two bursts go
        within one second of the gateway's.
        """
        with self._lock:
            self._reserved -= reserved
            self._sent.extend([self._clock()] * count)

    def one_of_own(self) -> bool:
        """Whether the connection may say one thing by itself now; it counts as said."""
        with self._lock:
            now = self._clock()
            if not self._room(now, Share.OWN):
                return False
            self._sent.append(now)
            return True

    def room(self, share: Share = Share.ORDERS) -> int:
        """How many messages may go out right now."""
        with self._lock:
            return self._room(self._clock(), share)

    @property
    def burst(self) -> int:
        """How many orders may go at once while cancels are needed too."""
        return self.per_second - self._kept(Share.ORDERS, cancels_needed=True)

    def wait(self) -> float:
        """Seconds until one more may go out; 0 when that is now."""
        with self._lock:
            now = self._clock()
            if self._room(now, Share.ORDERS):
                return 0.0
            return max(0.0, self._sent[0] + WINDOW - now) if self._sent else WINDOW

    def _room(self, now: float, share: Share) -> int:
        while self._sent and self._sent[0] <= now - WINDOW:
            self._sent.popleft()
        kept = self._kept(share, cancels_needed=now < self._cancels_until)
        return max(0, self.per_second - len(self._sent) - self._reserved - kept)

    def _kept(self, share: Share, *, cancels_needed: bool) -> int:
        """What is left free for others."""
        if share is Share.OWN:
            return 0
        own = max(0, min(OWN, self.per_second - self.reserve - 1))
        return max(own, self.reserve) if share is Share.ORDERS and cancels_needed else own
