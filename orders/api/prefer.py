"""`Prefer: wait=N` (RFC 7240): hold the answer back until the broker has spoken, at most N seconds."""

from __future__ import annotations

import re
import time
from threading import BoundedSemaphore

from rest_framework.request import Request

from orders.models import Order, State

LONGEST = 30  # seconds
WITHOUT_ANSWER = (State.CREATED, State.SENT, State.UNCONFIRMED)
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.1  # seconds
#: A web process has a few threads; those who wait must not take them all from those who do not.
_seats = BoundedSemaphore(4)


def wanted_wait(request: Request) -> int:
    """Seconds that the caller would wait; 0 when it does not say. What is not understood is ignored."""
    found = re.search(
        r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\b", request.headers.get("Prefer", ""), re.IGNORECASE
    )
    return min(int(found[1]), LONGEST) if found else 0


def wait_for_broker(order: Order, seconds: int) -> bool:
    """Wait until the broker has answered this order; False when there was no seat to wait in."""
    if not seconds or not _seats.acquire(blocking=False):
        return False
    try:
        _poll(order, time.monotonic() + seconds)
    finally:
        _seats.release()
    return True


def _poll(order: Order, deadline: float) -> None:
    pause = FIRST_PAUSE
    waiting = Order.objects.filter(pk=order.pk, state__in=WITHOUT_ANSWER)
    while waiting.exists() and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
