"""Pacing towards the gateway, in front of the client library's own throttle.

IB Gateway takes about 50 messages a second from a client; what is above waits in PostgreSQL, never in
a queue in memory that a disconnect would drop.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 1.0  # seconds


class Pacer:
    """Grants sends within a moving window of one second; a reserve is kept back for cancels.

    Used by one thread only: the one that sends for a session.
    """

    def __init__(self, per_second: int, reserve: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.reserve = reserve
        self._clock = clock
        self._sent: deque[float] = deque()

    def free(self, *, for_cancels: bool = False) -> int:
        """How many messages may go out right now."""
        now = self._clock()
        while self._sent and self._sent[0] <= now - WINDOW:
            self._sent.popleft()
        remaining = self.per_second - len(self._sent)
        return max(0, remaining if for_cancels else remaining - self.reserve)

    def used(self, count: int) -> None:
        """Note that this many messages go out now; never more than `free` said."""
        self._sent.extend([self._clock()] * count)
