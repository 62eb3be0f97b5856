"""Calendar weeks and months: what bars longer than a day are of.

A week begins on Monday. A bar goes by the last trading day of its week or month, the newest one by the day
that it has come to, as real gateways date them (nautilus_trader #2380, stoqey/ibkr #149).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from brokers.simulator.gateway.history.sessions import Span
from brokers.simulator.gateway.texts.times import DAY, MONTH

_DAY = timedelta(days=1)
_SATURDAY = 5


def first_day(day: date, seconds: int) -> date:
    """Return the first day of the week or month that a day is in."""
    return day.replace(day=1) if seconds == MONTH else day - day.weekday() * _DAY


def period_start(moment: int, seconds: int) -> int:
    """Return when the bar of this size begins that a moment is in."""
    if seconds <= DAY:
        return moment - moment % seconds
    return _midnight(first_day(datetime.fromtimestamp(moment, UTC).date(), seconds))


def every_day(start: int, end: int) -> Iterator[Span]:
    """Yield each weekday of a market that never closes; its weekends count for the Fridays before them."""
    opens = start
    while opens < end:
        day = datetime.fromtimestamp(opens, UTC).date()
        closes = min(_midnight(day + _DAY), end)
        yield Span(day - max(day.weekday() - _SATURDAY + 1, 0) * _DAY, opens, closes)
        opens = closes


def whole_periods(days: Iterable[Span], seconds: int) -> Iterator[Span]:
    """Yield the weeks or months that these trading days make up."""
    for _, group in groupby(days, lambda span: first_day(span.day, seconds)):
        spans = list(group)
        yield Span(spans[-1].day, spans[0].opens, spans[-1].closes)


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
