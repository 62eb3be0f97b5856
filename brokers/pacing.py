"""Pacing towards the gateway, in front of the client library's own throttle.

IB Gateway takes about 50 messages a second from a client; what is above waits in PostgreSQL, never in
a queue in memory that a disconnect would drop.
"""

from __future__ import annotations

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class Pacer:
    """Grants sends within a moving window of one second; a reserve is kept back for cancels."""

    def __init__(self, per_second: int, reserve: int) -> None:
        self.reserve = reserve
        self._item = RateLimitItemPerSecond(per_second)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def free(self, *, for_cancels: bool = False) -> int:
        """How many messages may go out right now."""
        remaining = self._limiter.get_window_stats(self._item).remaining
        return max(0, remaining if for_cancels else remaining - self.reserve)

    def used(self, count: int) -> None:
        """Note that this many messages go out now; never more than `free` said."""
        if count:
            self._limiter.hit(self._item, cost=count)
