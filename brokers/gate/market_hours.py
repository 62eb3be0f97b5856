"""When a market is open, by the calendar of its exchange: weekends, holidays, early closes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from holidays.registry import EntityLoader

from brokers import time_zones

SATURDAY = 5
LOOKED_AHEAD = 30  # days; no market is closed for longer


@dataclass(frozen=True, kw_only=True)
class MarketHours:
    """An exchange by the name that the `holidays` package has for it, and its hours on a full day."""

    exchange: str
    opens: time
    closes: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> MarketHours | None:
        """From "NYSE 09:30-16:00 America/New_York"; None for an empty text. Raises ValueError."""
        if not text.strip():
            return None
        found = re.fullmatch(r"\s*(\w+) (\d\d:\d\d)-(\d\d:\d\d) (\S+)\s*", text)
        if not found:
            raise ValueError(f"expected such as NYSE 09:30-16:00 America/New_York, not {text!r}")
        # Every process reads this setting at its start: the names alone load none of the 300 calendars.
        if found[1] not in EntityLoader.get_financial_codes(include_aliases=True):
            raise ValueError(f"no calendar is known of the exchange {found[1]!r}")
        zone = time_zones.named(found[4])
        opens, closes = time.fromisoformat(found[2]), time.fromisoformat(found[3])
        if opens >= closes:
            raise ValueError("it closes before it opens")
        return cls(exchange=found[1], opens=opens, closes=closes, zone=zone)

    def holiday(self, day: date) -> str:
        """Why the exchange is closed on this weekday; empty when it is not."""
        return _days(self.exchange, "public", day.year).get(day, "")

    def half_day(self, day: date) -> str:
        """Why it closes early; empty when it does not."""
        return _days(self.exchange, "half_day", day.year).get(day, "")

    def trades(self, day: date) -> bool:
        """Whether it opens on this day at all."""
        return day.weekday() < SATURDAY and not self.holiday(day)

    def next_open(self, now: datetime) -> datetime:
        """The next time that it opens, after now."""
        today = now.astimezone(self.zone).date()
        days = (today + timedelta(days=ahead) for ahead in range(LOOKED_AHEAD))
        openings = (datetime.combine(day, self.opens, self.zone) for day in days if self.trades(day))
        return next(opening for opening in openings if opening > now)

    def is_open(self, at: datetime) -> bool:
        """Whether it trades at this moment, as far as the hours of a full day say."""
        local = at.astimezone(self.zone)
        return self.trades(local.date()) and self.opens <= local.time() < self.closes

    def __str__(self) -> str:
        return f"{self.exchange} {self.opens:%H:%M}-{self.closes:%H:%M} {self.zone.key}"


@lru_cache(maxsize=64)
def _days(exchange: str, category: str, year: int) -> dict[date, str]:
    """The days of a category with their names; a calendar without that category has none."""
    known = holidays.financial_holidays(exchange)
    if category not in known.supported_categories:
        return {}
    return dict(holidays.financial_holidays(exchange, years=year, categories=(category,)))
