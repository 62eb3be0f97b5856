"""The moment of the week at which a gateway's login ends, so that a person has to log it in again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from brokers import time_zones

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class WeeklyLogin:
    """A day and time in a time zone, such as Sunday 01:00 in New York (IB)."""

    day: int
    at: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> WeeklyLogin | None:
        """From "Sun 01:00 America/New_York"; None for an empty text. Raises ValueError."""
        if not text.strip():
            return None
        found = re.fullmatch(r"\s*([A-Z][a-z]{2}) (\d\d:\d\d) (\S+)\s*", text)
        if not found or found[1] not in DAYS:
            raise ValueError(f"expected such as Sun 01:00 America/New_York, not {text!r}")
        zone = time_zones.named(found[3])
        return cls(DAYS.index(found[1]), time.fromisoformat(found[2]), zone)

    def last(self, now: datetime) -> datetime:
        """The latest such moment that is not after now."""
        local = now.astimezone(self.zone)
        date = local.date() - timedelta(days=(local.weekday() - self.day) % 7)
        moment = datetime.combine(date, self.at, self.zone)
        if moment > local:
            moment = datetime.combine(date - timedelta(days=7), self.at, self.zone)
        return moment

    def next(self, now: datetime) -> datetime:
        """The first such moment after now."""
        last = self.last(now).astimezone(self.zone)
        return datetime.combine(last.date() + timedelta(days=7), self.at, self.zone)

    def __str__(self) -> str:
        return f"{DAYS[self.day]} {self.at:%H:%M} {self.zone.key}"
