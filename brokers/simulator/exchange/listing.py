"""Which months of futures and options are listed on a day: they roll with the clock.

What was listed since the universe file was made stays known (somebody may hold it); which of it is
still listed is asked of the universe. A month has the same names, con_id and opening price at every start.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import msgspec

_LETTERS = "FGHJKMNQUVXZ"
_FRIDAY, _THURSDAY = 4, 3
_DAY = timedelta(days=1)


class Months(msgspec.Struct, kw_only=True):
    """The months of a future: `cycle` in letters, so many `ahead`, how each expires and is called."""

    cycle: str
    ahead: int
    expires: str
    local_symbol: str

    def listed(self, since: date, today: date) -> Iterator[tuple[str, str]]:
        """Yield local symbol and expiry of each month that was listed since then, up to today's last."""
        left, month = self.ahead, since.replace(day=1)
        while left:
            expiry = _EXPIRIES[self.expires](month)
            if _LETTERS[month.month - 1] in self.cycle and expiry >= since:
                yield self._called(month), f"{expiry:%Y%m%d}"
                left -= expiry >= today
            month = _next(month)

    def _called(self, month: date) -> str:
        letter = _LETTERS[month.month - 1]
        name = f"{month:%b}".upper()
        return self.local_symbol.format(letter=letter, y=month.year % 10, yy=f"{month:%y}", month=name)


def third_friday(month: date) -> date:
    """The third Friday of a month, which ends most options and index futures."""
    return month + (_FRIDAY - month.weekday()) % 7 * _DAY + 14 * _DAY


def option_expiries(since: date, today: date, months: int, quarters: int) -> list[date]:
    """Return the expiries listed since then: of each day the next `months`, and `quarters` after them."""
    expiries: list[date] = []
    month, left, later = since.replace(day=1), months, quarters
    while left or later:
        expiry, is_quarter = third_friday(month), month.month % 3 == 0
        if expiry >= since and (left or is_quarter):
            expiries.append(expiry)
            if expiry >= today:
                left, later = (left - 1, later) if left else (left, later - 1)
        month = _next(month)
    return expiries


def _next(month: date) -> date:
    return (month + 31 * _DAY).replace(day=1)


def _weekdays_before(day: date, count: int) -> date:
    """Return the weekday so many weekdays before a day, which may be a Saturday or Sunday itself."""
    while count:
        day -= _DAY
        count -= day.weekday() < 5
    return day


def _three_before_the_25th(month: date) -> date:
    """Of the month before the contract's (crude oil)."""
    last = (month - _DAY).replace(day=25)
    return _weekdays_before(last if last.weekday() < 5 else _weekdays_before(last, 1), 3)


def _last_thursday(month: date) -> date:
    last = month.replace(day=monthrange(month.year, month.month)[1])
    return last - (last.weekday() - _THURSDAY) % 7 * _DAY


_EXPIRIES: dict[str, Callable[[date], date]] = {
    "third Friday": third_friday,
    "three weekdays before the 25th of the month before": _three_before_the_25th,
    "third last weekday": lambda month: _weekdays_before(_next(month), 3),
    "three weekdays before the month": lambda month: _weekdays_before(month, 3),
    "last Thursday": _last_thursday,
}
