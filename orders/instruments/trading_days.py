"""On which trading day an execution of an instrument counts, without a query for each execution."""

from __future__ import annotations

import time
from datetime import date, datetime

from brokers.models import Instrument
from orders.models import Order
from orders.models.trade_date import trade_date

#: The broker tells trading hours for days ahead; the broker worker asks again twice a day.
RETENTION = 60.0  # seconds
HOURS_KEPT = 2_000  # instruments; contracts expire, and others come every day
Hours = tuple[str, list[list[str]]]


class TradingHoursCache:
    """Time zones and sessions of the instruments that are traded, each read once a minute at most."""

    def __init__(self) -> None:
        self._hours: dict[int, tuple[Hours, float]] = {}

    def of(self, instrument_id: int) -> Hours:
        """(time zone, sessions) of an instrument."""
        known = self._hours.get(instrument_id)
        if known is None or time.monotonic() - known[1] > RETENTION:
            if len(self._hours) >= HOURS_KEPT:
                self._hours.clear()
            row = Instrument.objects.values_list("time_zone", "trading_hours").get(pk=instrument_id)
            known = self._hours[instrument_id] = (row, time.monotonic())
        return known[0]


_hours = TradingHoursCache()


def date_of(order: Order, at: datetime) -> date:
    """The trading day of a moment for this order's instrument."""
    return trade_date(at, *_hours.of(order.instrument_id))
