"""How often: requests of a token, and bad tokens of an address, counted in Redis for all processes.

Without Redis each process counts for itself: a limit that holds a little less strictly is better than
requests refused, or held up, because a counter is away.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from orders.notify.redis_client import REDIS_ERRORS, pool, request_options

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = logging.getLogger(__name__)

#: A process lets this part of a limit through before it asks what others have counted, and tells them then:
#: most requests are spared the round trip, and so many processes can exceed a limit by a tenth each.
OWN_SHARE = 10
NAMES_KEPT = 10_000  # addresses with bad tokens are strangers' words


class Counter:
    """Counts hits within fixed windows.

    What this process has counted is kept here: the memory storage of `limits` starts a thread to forget what
    is old, for almost every request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], tuple[int, int]] = {}  # of each name: the window, how many in it
        self._shared = FixedWindowRateLimiter(
            RedisStorage(
                settings.REDIS_URL,
                connection_pool=pool(**request_options()),
                key_prefix=f"{settings.REDIS_KEY_PREFIX}throttle",
            )
        )

    def hit(self, item: RateLimitItem, *names: str) -> int:
        """Count one; 0 when it is within the limit, else the seconds to wait."""
        window, share = int(time.monotonic()) // item.get_expiry(), item.amount // OWN_SHARE
        with self._lock:
            if len(self._counts) >= NAMES_KEPT:
                self._counts.clear()
            begun, count = self._counts.get(names, (window, 0))
            own = count + 1 if begun == window else 1
            self._counts[names] = window, own
        if own <= share:
            return 0
        try:
            within = self._shared.hit(item, *names, cost=own if own == share + 1 else 1)
            return 0 if within else self._wait(item, names)
        except REDIS_ERRORS as error:
            log.debug("throttle counts without Redis", extra={"error": repr(error)})
        return 0 if own <= item.amount else item.get_expiry()

    def _wait(self, item: RateLimitItem, names: tuple[str, ...]) -> int:
        return max(1, math.ceil(self._shared.get_window_stats(item, *names).reset_time - time.time()))


@cache
def counter() -> Counter:
    """The process's counter."""
    return Counter()


class TokenThrottle(BaseThrottle):
    """Holds each token to its requests per second (429 with Retry-After)."""

    waiting: int = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count this request; one without a token is not counted here."""
        key = getattr(request.auth, "key", "")
        if key:
            rate = getattr(request.auth, "rate", None) or settings.API_RATE
            self.waiting = counter().hit(RateLimitItemPerSecond(rate), "token", key)
        return not self.waiting

    def wait(self) -> float | None:
        """Seconds after which the next request is welcome."""
        return self.waiting or None


def bad_token(address: str) -> int:
    """Count a bad token of this address; the seconds it has to wait, 0 while there were few.

    Only bad tokens are held up: others behind the same proxy go on.
    """
    return counter().hit(RateLimitItemPerMinute(settings.BAD_TOKEN_RATE), "bad", address)
