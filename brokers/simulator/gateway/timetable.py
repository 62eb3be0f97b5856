"""What happens as time passes: the market moves, subscribers are told, days end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.gateway.accounts.service import AccountDesk
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.history.service import HistoryDesk
from brokers.simulator.gateway.history.tape import Tapes, next_bar
from brokers.simulator.gateway.memory.retention import Retention
from brokers.simulator.gateway.orders.day_end import DayEnd
from brokers.simulator.gateway.orders.service import OrderDesk
from brokers.simulator.gateway.quotes.depth import DepthDesk
from brokers.simulator.gateway.quotes.market_data import QuoteDesk
from brokers.simulator.gateway.quotes.tick_by_tick import TickDesk

#: How often the market moves, and how often P&L and account values are told again.
BEAT = timedelta(milliseconds=200)
PROFITS_EVERY = timedelta(seconds=1)
VALUES_EVERY = timedelta(minutes=3)


class Tellers(NamedTuple):
    """Who tells subscribers of what."""

    tapes: Tapes
    quotes: QuoteDesk
    depth: DepthDesk
    ticks: TickDesk
    history: HistoryDesk
    accounts: AccountDesk


class Timetable:
    """Does what is due by the clock."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        links: list[Link],
        exchange: Exchange,
        orders: OrderDesk,
        day_end: DayEnd,
        retention: Retention,
        tellers: Tellers,
    ) -> None:
        self._clock = clock
        self._links = links
        self._exchange = exchange
        self._orders = orders
        self._day_end = day_end
        self._retention = retention
        self._tellers = tellers
        now = clock()
        self._next_beat, self._next_profits, self._next_values = now, now, now + VALUES_EVERY
        self._next_bars = next_bar(now)
        self._midnight = _midnight_after(now)

    def begin(self) -> None:
        """End the days of orders that ended while nobody was here."""
        today = self._midnight - timedelta(days=1)
        self._day_end.come(today)
        self._retention.end_day(today)

    def pass_time(self) -> None:
        """Do what is due: the end of the day, market moves, ticks, P&L, account values."""
        now = self._clock()
        if now >= self._midnight:
            self._day_end.come(self._midnight)
            self._midnight = _midnight_after(now)
            self._retention.end_day(self._midnight - timedelta(days=1))
        if now >= self._next_beat:
            # Beats that were missed (a stopped process) are not made up for.
            self._next_beat = now + BEAT
            self._move(now)
            self._tell_market(now)
        if now >= self._next_profits:
            self._next_profits = now + PROFITS_EVERY
            self._tellers.accounts.tell_profits(self._links)
        if now >= self._next_values:
            self._next_values = now + VALUES_EVERY
            self._tellers.accounts.tell_values(self._links)

    def _move(self, now: datetime) -> None:
        """Let hours, makers and orders that wait do what they do by the clock."""
        self._orders.what_happened(self._exchange.keep_hours(now))
        self._orders.what_happened(self._exchange.beat())
        self._orders.pass_time()
        self._retention.keep_within_bounds()

    def _tell_market(self, now: datetime) -> None:
        """Tell of quotes, depth and ticks; of bars when five seconds are over."""
        tellers = self._tellers
        tellers.tapes.look()
        tellers.quotes.tell(self._links)
        tellers.depth.tell(self._links)
        tellers.ticks.tell(self._links)
        if now >= self._next_bars:
            self._next_bars = next_bar(now)
            tellers.ticks.tell_bars(self._links)
            tellers.history.tell(self._links)


def _midnight_after(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
