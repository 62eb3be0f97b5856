"""Spans of days that people ask for by name."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from brokers.postgres import clock


class Preset(StrEnum):
    """A span by name, by the date in UTC."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    MONTH = "month"


#: Days that anybody may ask for; what is beyond them no clock of ours reaches.
FIRST, LAST = date(1970, 1, 1), date(2099, 12, 31)


def may_be_reported(day: date) -> bool:
    """Whether a report of this day can be asked for: tomorrow has begun somewhere, later days have not."""
    return FIRST <= day <= today() + timedelta(days=1)


def today() -> date:
    """The date in UTC."""
    return clock.now().date()


def span(preset: Preset | None, first: date | None, last: date | None) -> tuple[date, date]:
    """First and last day; of a preset its own, else as given, today where one is open. Raises ValueError."""
    now = today()
    if preset and (first or last):
        raise ValueError("Give either a preset or from and to.")
    if preset is Preset.YESTERDAY:
        return now - timedelta(days=1), now - timedelta(days=1)
    if preset is Preset.MONTH:
        return now.replace(day=1), now
    if first and last and first > last:
        raise ValueError("The first day is after the last.")
    return first or last or now, last or max(now, first or now)
