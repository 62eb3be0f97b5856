"""Trading hours: what part of its day a market is in, from exchange calendars and a table of sessions.

Holidays and early closes come from the `holidays` library; hours are those that the exchanges publish, in
their own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.orders import Phase

_DAY = timedelta(days=1)
#: A closed period longer than this means that the table is wrong.
_LONGEST_SEARCH = 15


class TradingSession(NamedTuple):
    """A trading day: when the market opens and closes for everybody, and for orders that allow more.

    A day that begins on the evening before has `evening` as that time. `half` is the early close.
    """

    zone: str
    calendar: str
    opens: time
    closes: time
    early: time | None = None
    late: time | None = None
    evening: time | None = None
    half: time | None = None
    #: The overnight session, which begins on the evening before the trading day that it belongs to.
    night: tuple[time, time] | None = None


_US_STOCKS = TradingSession(
    *("America/New_York", "XNYS", time(9, 30), time(16)),
    early=time(4),
    late=time(20),
    half=time(13),
    night=(time(20), time(3, 50)),
)
_US_OPTIONS = _US_STOCKS._replace(early=None, late=None, night=None)
_CME = TradingSession("America/Chicago", "XCME", time(0), time(16), evening=time(17))
_FOREX = TradingSession("America/New_York", "", time(0), time(17), evening=time(17, 15))
_SESSIONS = {
    "NSE": TradingSession("Asia/Kolkata", "XNSE", time(9, 15), time(15, 30)),
    "LSE": TradingSession("Europe/London", "XLON", time(8), time(16, 30), half=time(12, 30)),
    "IBIS": TradingSession("Europe/Berlin", "XETR", time(9), time(17, 30), half=time(14)),
    "AEB": TradingSession("Europe/Amsterdam", "XAMS", time(9), time(17, 30), half=time(14, 5)),
    "SBF": TradingSession("Europe/Paris", "XPAR", time(9), time(17, 30), half=time(14, 5)),
    "BVME": TradingSession("Europe/Rome", "XMIL", time(9), time(17, 30)),
    "BM": TradingSession("Europe/Madrid", "XMAD", time(9), time(17, 30), half=time(14)),
    "EBS": TradingSession("Europe/Zurich", "XSWX", time(9), time(17, 20)),
    "TSEJ": TradingSession("Asia/Tokyo", "XJPX", time(9), time(15, 30)),
    "SEHK": TradingSession("Asia/Hong_Kong", "XHKG", time(9, 30), time(16), half=time(12)),
    "EUREX": TradingSession("Europe/Berlin", "XETR", time(1, 10), time(22)),
}


def session_of(instrument: Instrument) -> TradingSession | None:
    """Return the instrument's sessions; None if it trades around the clock."""
    if instrument.sec_type == "CRYPTO":
        return None
    for exchange in (instrument.primary_exchange, instrument.exchange):
        if exchange in _SESSIONS:
            return _SESSIONS[exchange]
    if instrument.sec_type == "CASH":
        return _FOREX
    if instrument.sec_type in ("FUT", "FOP", "CONTFUT"):
        return _CME
    return _US_STOCKS if instrument.sec_type == "STK" else _US_OPTIONS


class TradingHours:
    """The hours of all markets."""

    def phase(self, instrument: Instrument, now: datetime) -> Phase:
        """Return what part of its day the instrument's market is in."""
        session = session_of(instrument)
        return Phase.OPEN if session is None else _phase(session, now.replace(second=0, microsecond=0))

    def day_end(self, instrument: Instrument, received: datetime, *, outside_rth: bool) -> datetime | None:
        """Return when an order of the day that was received then ends; None if the market never closes."""
        session = session_of(instrument)
        if session is None:
            return None
        first = received.astimezone(ZoneInfo(session.zone)).date()
        for days in range(_LONGEST_SEARCH):
            day = first + days * _DAY
            closes = _closing(session, day)
            if closes is not None and outside_rth and session.late:
                closes = _at(session, day, session.late)
            if closes is not None and closes > received:
                return closes
        return None

    def span(self, instrument: Instrument, day: date, *, extended: bool) -> tuple[datetime, datetime] | None:
        """Return when trading begins and ends on a day, in the exchange's time; None if it is closed."""
        session = session_of(instrument)
        if session is None:
            start = datetime.combine(day, time(), UTC)
            return start, start + _DAY
        opens, closes = _opening(session, day), _closing(session, day)
        if opens is None or closes is None:
            return None
        if extended and session.early and session.late:
            return _at(session, day, session.early), _at(session, day, session.late)
        return opens, closes

    def next_opening(self, instrument: Instrument, now: datetime) -> datetime | None:
        """Return when regular trading begins next, in the exchange's time."""
        session = session_of(instrument)
        if session is None:
            return None
        first = now.astimezone(ZoneInfo(session.zone)).date()
        for days in range(_LONGEST_SEARCH):
            opens = _opening(session, first + days * _DAY)
            if opens is not None and opens > now:
                return opens
        return None

    def is_night(self, instrument: Instrument, now: datetime) -> bool:
        """Whether the overnight session trades; a market that never closes has it always."""
        session = session_of(instrument)
        if session is None:
            return True
        local = now.astimezone(ZoneInfo(session.zone))
        nights = (_night(session, local.date()), _night(session, local.date() + _DAY))
        return any(night is not None and night[0] <= local < night[1] for night in nights)

    def next_night(self, instrument: Instrument, now: datetime) -> datetime | None:
        """Return when the overnight session begins next, in the exchange's time."""
        found = self._nights(instrument, now)
        return next((begins for begins, _ in found if begins > now), None)

    def night_end(self, instrument: Instrument, received: datetime) -> datetime | None:
        """Return when an overnight order of the day that was received then ends."""
        return next((ends for _, ends in self._nights(instrument, received) if ends > received), None)

    def _nights(self, instrument: Instrument, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        session = session_of(instrument)
        if session is None:
            return
        first = now.astimezone(ZoneInfo(session.zone)).date()
        nights = (_night(session, first + days * _DAY) for days in range(_LONGEST_SEARCH))
        yield from (night for night in nights if night is not None)


def _night(session: TradingSession, day: date) -> tuple[datetime, datetime] | None:
    """Return the overnight session that ends on a trading day."""
    if session.night is None or not _is_trading_day(session, day):
        return None
    begins, ends = session.night
    return _at(session, day - _DAY, begins), _at(session, day, ends)


@lru_cache(maxsize=1024)
def _phase(session: TradingSession, minute: datetime) -> Phase:
    local = minute.astimezone(ZoneInfo(session.zone))
    for day in (local.date(), local.date() + _DAY):
        opens, closes = _opening(session, day), _closing(session, day)
        if opens is None or closes is None:
            continue
        if opens <= local < closes:
            return Phase.OPEN
        if (
            _at(session, day, session.early or opens.timetz())
            <= local
            < _at(session, day, session.late or closes.timetz())
        ):
            return Phase.EXTENDED
    return Phase.CLOSED


def _opening(session: TradingSession, day: date) -> datetime | None:
    if not _is_trading_day(session, day):
        return None
    if session.evening is not None:
        return _at(session, day - _DAY, session.evening)
    return _at(session, day, session.opens)


def _closing(session: TradingSession, day: date) -> datetime | None:
    if not _is_trading_day(session, day):
        return None
    is_half = session.half is not None and day in _calendar(session.calendar, "half_day", day.year)
    return _at(session, day, session.half if is_half and session.half else session.closes)


def _is_trading_day(session: TradingSession, day: date) -> bool:
    return day.weekday() < 5 and day not in _calendar(session.calendar, "public", day.year)


@lru_cache(maxsize=256)
def _calendar(name: str, category: str, year: int) -> frozenset[date]:
    """Return the days of a category; a calendar without that category has none."""
    if not name:
        return frozenset()
    known = holidays.financial_holidays(name)
    if category not in known.supported_categories:
        return frozenset()
    return frozenset(holidays.financial_holidays(name, years=year, categories=(category,)))


def _at(session: TradingSession, day: date, when: time) -> datetime:
    return datetime.combine(day, when.replace(tzinfo=None), ZoneInfo(session.zone))
