"""When an instrument was traded: what a history of bars is cut into."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from brokers.simulator.exchange.hours import TradingHours
from brokers.simulator.exchange.instruments import Instrument

_DAY = timedelta(days=1)


class Span(NamedTuple):
    """Trading of one day, in epoch seconds; `day` is the day that it counts for."""

    day: date
    opens: int
    closes: int

    @property
    def midnight(self) -> int:
        """The beginning of the day, by which bars of whole days are called."""
        return int(datetime.combine(self.day, time(), UTC).timestamp())


class TradingSessions:
    """The trading days of an exchange that keeps `hours`."""

    def __init__(self, hours: TradingHours) -> None:
        self._hours = hours

    def spans(self, instrument: Instrument, start: int, end: int, *, extended: bool) -> Iterator[Span]:
        """Yield the parts of trading days in [start, end)."""
        day = datetime.fromtimestamp(start, UTC).date() - _DAY
        last = datetime.fromtimestamp(end, UTC).date() + _DAY
        while day <= last:
            span = self._span(instrument, day, extended=extended)
            if span is not None and span.opens < end and span.closes > start:
                yield Span(day, max(span.opens, start), min(span.closes, end))
            day += _DAY

    def days_back(self, instrument: Instrument, end: int, days: int, *, extended: bool) -> int:
        """Return when the trading day began that is `days` before `end`, the one of `end` counted."""
        day = datetime.fromtimestamp(end, UTC).date() + _DAY
        opens = end
        # No exchange is closed for more than half of the days.
        for _ in range(2 * days + 15):
            span = self._span(instrument, day, extended=extended)
            if span is not None and span.opens < end:
                opens, days = span.opens, days - 1
                if not days:
                    break
            day -= _DAY
        return opens

    def _span(self, instrument: Instrument, day: date, *, extended: bool) -> Span | None:
        found = self._hours.span(instrument, day, extended=extended)
        return None if found is None else Span(day, *(int(moment.timestamp()) for moment in found))
