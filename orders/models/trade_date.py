"""The trading day that a moment belongs to: an evening session counts for the day on which it ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from brokers import time_zones


@dataclass(frozen=True, kw_only=True)
class DayQuantities:
    """FIX DayOrderQty, DayCumQty, DayAvgPx: of an order that lives several days, the part of its last one."""

    order_qty: Decimal
    cum_qty: Decimal
    avg_px: Decimal


def trade_date(at: datetime, time_zone: str, sessions: Iterable[Iterable[str]]) -> date:
    """The date of the session that this moment is in, else of its own day, at the instrument's place.

    `sessions`: pairs of ISO times in UTC, the beginning and the end of each.
    """
    zone = time_zones.find(time_zone) or UTC  # a name that nobody knows must not lose an execution
    for start, end in sessions:
        if datetime.fromisoformat(start) <= at < (ending := datetime.fromisoformat(end)):
            return (ending - timedelta(seconds=1)).astimezone(zone).date()
    return at.astimezone(zone).date()
