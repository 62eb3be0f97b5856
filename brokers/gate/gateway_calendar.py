"""What comes to a gateway in the next days: daily restarts, the end of its login, days without a market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from brokers.gate.market_hours import MarketHours
from brokers.gate.restart_window import RestartWindow
from brokers.gate.weekly_login import WeeklyLogin


class Coming(StrEnum):
    """What may come."""

    RESTART = "daily restart"
    LOGIN_ENDS = "login ends"
    CLOSED = "market closed"
    EARLY_CLOSE = "early close"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One of them. `text` says what it means for the desk; `warns` when it falls into open hours."""

    at: datetime
    what: Coming
    text: str
    warns: bool = False


@dataclass(frozen=True, kw_only=True)
class GatewayCalendar:
    """The times of one session's gateway; each part may be unknown."""

    restart: RestartWindow | None = None
    login: WeeklyLogin | None = None
    market: MarketHours | None = None

    def ahead(self, now: datetime, days: int = 14) -> list[Entry]:
        """Everything that begins in so many days from now, in order."""
        end = now + timedelta(days=days)
        parts = [*self._restarts(now, end), *self._logins(now, end), *self._days_off(now, days)]
        return sorted(parts, key=lambda entry: entry.at)

    def restarts_while_open(self, now: datetime) -> bool:
        """Whether a restart of the next week falls into the market's hours."""
        return any(entry.warns for entry in self._restarts(now, now + timedelta(days=7)))

    def needed_by(self, ended: datetime) -> datetime | None:
        """By when somebody must have logged in again after a login ended: the market's next opening."""
        return self.market.next_open(ended) if self.market else None

    def _restarts(self, now: datetime, end: datetime) -> Iterator[Entry]:
        begins = self.restart.next_begin(now) if self.restart else None
        while self.restart and begins and begins < end:
            open_then = self.market is not None and self.market.is_open(begins)
            text = f"No new order is sent until {self.restart.end:%H:%M}."
            if open_then:
                text = f"{text} The market is open then: move the gateway's restart."
            yield Entry(at=begins, what=Coming.RESTART, text=text, warns=open_then)
            begins = self.restart.next_begin(begins)

    def _logins(self, now: datetime, end: datetime) -> Iterator[Entry]:
        ends = self.login.next(now) if self.login else None
        while self.login and ends and ends < end:
            needed = self.needed_by(ends)
            by = f" before {needed:%a %Y-%m-%d %H:%M}" if needed else ""
            yield Entry(at=ends, what=Coming.LOGIN_ENDS, text=f"Somebody confirms a new one{by}.")
            ends = self.login.next(ends)

    def _days_off(self, now: datetime, days: int) -> Iterator[Entry]:
        market = self.market
        if market is None:
            return
        today = now.astimezone(market.zone).date()
        for day in (today + timedelta(days=ahead) for ahead in range(days + 1)):
            begins = datetime.combine(day, market.opens, market.zone)
            if name := market.holiday(day):
                yield Entry(at=begins, what=Coming.CLOSED, text=f"{market.exchange}: {name}")
            elif name := market.half_day(day):
                yield Entry(at=begins, what=Coming.EARLY_CLOSE, text=f"{market.exchange}: {name}")


class Calendars(dict[str, GatewayCalendar]):
    """The calendar of each session that is set; of another nothing is known."""

    def __missing__(self, name: str) -> GatewayCalendar:
        return GatewayCalendar()
