"""What happens as time passes: the market moves, subscribers are sent what changed, days end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.gateway.accounts.service import AccountService
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.history.service import HistoryService
from brokers.simulator.gateway.history.tape import Tapes, next_bar
from brokers.simulator.gateway.memory.retention import Retention
from brokers.simulator.gateway.orders.day_end import DayEnd
from brokers.simulator.gateway.orders.service import OrderService
from brokers.simulator.gateway.quotes.depth import DepthService
from brokers.simulator.gateway.quotes.market_data import MarketDataService
from brokers.simulator.gateway.quotes.tick_by_tick import TickService

#: How often the market moves, and how often P&L and account values are sent again.
MARKET_STEP = timedelta(milliseconds=200)
PROFITS_EVERY = timedelta(seconds=1)
VALUES_EVERY = timedelta(minutes=3)


class Publishers(NamedTuple):
    """Who publishes what to subscribers."""

    tapes: Tapes
    quotes: MarketDataService
    depth: DepthService
    ticks: TickService
    history: HistoryService
    accounts: AccountService


class Timetable:
    """Does what is due by the clock."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        links: list[Link],
        exchange: Exchange,
        orders: OrderService,
        day_end: DayEnd,
        retention: Retention,
        publishers: Publishers,
    ) -> None:
        self._clock = clock
        self._links = links
        self._exchange = exchange
        self._orders = orders
        self._day_end = day_end
        self._retention = retention
        self._publishers = publishers
        now = clock()
        self._next_step, self._next_profits, self._next_values = now, now, now + VALUES_EVERY
        self._next_bars = next_bar(now)
        self._midnight = _midnight_after(now)

    def begin(self) -> None:
        """End the days of orders that ended while nobody was here."""
        today = self._midnight - timedelta(days=1)
        self._day_end.expire_before(today)
        self._retention.end_day(today)

    def pass_time(self) -> None:
        """Do what is due: the end of the day, market moves, ticks, P&L, account values."""
        now = self._clock()
        if now >= self._midnight:
            self._day_end.expire_before(self._midnight)
            self._midnight = _midnight_after(now)
            self._retention.end_day(self._midnight - timedelta(days=1))
        if now >= self._next_step:
            # Steps that were missed (a stopped process) are not made up for.
            self._next_step = now + MARKET_STEP
            self._move(now)
            self._publish_market(now)
        if now >= self._next_profits:
            self._next_profits = now + PROFITS_EVERY
            self._publishers.accounts.publish_pnl(self._links)
        if now >= self._next_values:
            self._next_values = now + VALUES_EVERY
            self._publishers.accounts.publish_values(self._links)

    def _move(self, now: datetime) -> None:
        """Let hours, makers and orders that wait do what they do by the clock."""
        self._orders.on_market_events(self._exchange.keep_hours(now))
        self._orders.on_market_events(self._exchange.step())
        self._orders.pass_time()
        self._retention.keep_within_bounds()

    def _publish_market(self, now: datetime) -> None:
        """Publish quotes, depth and ticks; bars when five seconds are over."""
        publishers = self._publishers
        publishers.tapes.record()
        publishers.quotes.publish(self._links)
        publishers.depth.publish(self._links)
        publishers.ticks.publish(self._links)
        if now >= self._next_bars:
            self._next_bars = next_bar(now)
            publishers.ticks.publish_bars(self._links)
            publishers.history.publish(self._links)


def _midnight_after(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
