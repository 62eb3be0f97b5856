"""How old a break is and until when it should be closed: by working days and by what it is worth."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings

SATURDAY = 5
SOON = timedelta(hours=4)
SMALL = Decimal("0.01")  # of what needs a second person
#: Working days that a break may stay open, above the small ones and for these.
DAYS, SMALL_DAYS = 1, 3
#: Buckets of age in working days, by their last day; the last one has no end.
AGES = {"0": 0, "1": 1, "2": 2, "3-5": 5, "over 5": None}


def working_days(first: date, last: date) -> int:
    """Mondays to Fridays after `first` up to `last`: a break of Friday is one old on Monday."""
    weeks, rest = divmod(max((last - first).days, 0), 7)
    return weeks * 5 + sum((first + timedelta(days=n)).weekday() < SATURDAY for n in range(1, rest + 1))


def age_of(first_seen: datetime, until: datetime) -> int:
    """Its age in working days."""
    return working_days(first_seen.date(), until.date())


def age_bucket(days: int) -> str:
    """In which bucket an age is."""
    return next(name for name, last in AGES.items() if last is None or days <= last)


def value_buckets() -> dict[str, Decimal | None]:
    """Buckets of value in the base currency, by their largest; the last one has no end."""
    above = Decimal(settings.BREAKS_ABOVE)
    small = above * SMALL
    return {f"up to {small:,.0f}": small, f"up to {above:,.0f}": above, f"over {above:,.0f}": None}


def value_bucket(value: Decimal | None) -> str:
    """In which bucket a value is."""
    if value is None:
        return "not known"
    return next(name for name, last in value_buckets().items() if last is None or value <= last)


def due_at(first_seen: datetime, value: Decimal | None) -> datetime:
    """Until when it should be closed; one whose worth nobody can tell is as urgent as a large one."""
    above = Decimal(settings.BREAKS_ABOVE)
    if value is None or value > above:
        return first_seen + SOON
    return _after_working_days(first_seen, DAYS if value > above * SMALL else SMALL_DAYS)


def _after_working_days(at: datetime, days: int) -> datetime:
    while days:
        at += timedelta(days=1)
        days -= at.weekday() < SATURDAY
    return at
