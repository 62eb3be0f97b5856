"""One clock for both sides of every comparison: PostgreSQL's, as this process knows it.

The claim, deadlines and freshness are PostgreSQL's own times. What is compared with them, and what is written
beside them, is this machine's time corrected by the last measurement: a worker whose clock was 8 s ahead once
proved an order absent in the instant in which it was sent. Durations within a process are monotonic instead.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

MEASURE_EVERY = 60.0  # seconds; for processes that have no sweep
TRIES = 3  # of which the fastest counts

#: Seconds off which a clock is wrong, and somebody is told.
WRONG_ABOVE = 1.0
_correction = timedelta(0)
_measured_at: float | None = None  # monotonic


def machine_now() -> datetime:
    """This machine's clock; a drill may set it off (`TRADEDESK_CLOCK_OFFSET`)."""
    now, offset = datetime.now(UTC), settings.CLOCK_OFFSET
    return now + timedelta(seconds=offset) if offset else now


def now() -> datetime:
    """The time by PostgreSQL's clock, without asking it."""
    return machine_now() + _correction


def skew() -> float:
    """Seconds by which this machine was ahead of PostgreSQL when it was last measured."""
    return -_correction.total_seconds()


def measure() -> float:
    """Ask PostgreSQL for its time, and correct ours by it; the skew in seconds."""
    global _correction, _measured_at
    best: tuple[float, timedelta] | None = None
    for _ in range(TRIES):
        before, began = machine_now(), time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (theirs,) = cursor.fetchone()
        took = time.monotonic() - began
        if best is None or took < best[0]:
            best = took, theirs - (before + timedelta(seconds=took / 2))
    assert best is not None  # noqa: S101 - there were tries
    _correction, _measured_at = best[1], time.monotonic()
    return skew()


def refresh() -> None:
    """Measure where nobody has for a while; a request pays for it once a minute."""
    if _measured_at is None or time.monotonic() - _measured_at > MEASURE_EVERY:
        measure()


class WholeSeconds:
    """How far a clock is off that is told in whole seconds, from several answers together.

    An answer `t` means that the clock was in [t, t + 1) at some moment between question and answer.
    """

    def __init__(self, remembered: int = 20) -> None:
        self._bounds: deque[tuple[float, float]] = deque(maxlen=remembered)

    def answered(self, seconds: int, asked_at: datetime, received_at: datetime) -> None:
        """Take in one answer; one that contradicts those before means that a clock was set."""
        self._bounds.append((seconds - received_at.timestamp(), seconds + 1 - asked_at.timestamp()))
        low, high = self._both()
        if low > high:
            newest = self._bounds[-1]
            self._bounds.clear()
            self._bounds.append(newest)

    @property
    def ahead(self) -> float:
        """Seconds by which that clock is ahead of ours at least; negative: behind; 0: it may be right."""
        if not self._bounds:
            return 0.0
        low, high = self._both()
        return low if low > 0 else min(high, 0.0)

    def _both(self) -> tuple[float, float]:
        return max(low for low, _ in self._bounds), min(high for _, high in self._bounds)
