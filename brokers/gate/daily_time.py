"""A time of each working day of a market ("16:30 America/New_York"). Plain Python."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time

from brokers import time_zones

SATURDAY = 5


@dataclass(frozen=True, kw_only=True)
class DailyTime:
    """A time of day at a place, on weekdays that are no holidays there."""

    at: time
    zone: str
    holidays: Collection[date] = ()

    def due(self, now: datetime) -> date | None:
        """The working day on which this time has come already; None before it, and on a day off."""
        local = now.astimezone(time_zones.find(self.zone))
        is_off = local.weekday() >= SATURDAY or local.date() in self.holidays
        return None if is_off or local.time() < self.at else local.date()


def parse(text: str, holidays: Collection[date] = ()) -> DailyTime:
    """Read "HH:MM Zone"; raises ValueError with what is wrong."""
    at, _, zone = text.strip().partition(" ")
    if time_zones.find(zone) is None:
        raise ValueError('must be a time and a time zone, such as "16:30 America/New_York"')
    return DailyTime(at=time.fromisoformat(at), zone=zone, holidays=holidays)
