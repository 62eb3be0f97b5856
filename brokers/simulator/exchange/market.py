"""The market of one instrument: book, stop orders, market orders waiting for liquidity, last trade."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from enum import StrEnum
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from brokers.simulator.exchange.book import ZERO, BookOrder, OrderBook, Side, Trade
from brokers.simulator.exchange.instruments import Instrument


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class MarketOrder:
    """A client's order on its way through the market; `stop` is None once it is elected."""

    __slots__ = ("book_order", "stop", "time_in_force")

    def __init__(
        self, book_order: BookOrder, time_in_force: TimeInForce, stop: Decimal | None = None
    ) -> None:
        self.book_order = book_order
        self.time_in_force = time_in_force
        self.stop = stop


class Filled(NamedTuple):
    """`quantity` of the order traded; `added_liquidity` if it was resting."""

    order_id: int
    quantity: Decimal
    price: Decimal
    added_liquidity: bool


class Resting(NamedTuple):
    """The order works: it rests in the book, or waits for liquidity."""

    order_id: int


class Elected(NamedTuple):
    """A stop order was triggered by a trade."""

    order_id: int


class Killed(NamedTuple):
    """The market took the rest out: IOC, or FOK that cannot be filled whole."""

    order_id: int
    time_in_force: TimeInForce


MarketEvent = Filled | Resting | Elected | Killed


class DayStatistics:
    """What a quote screen shows beside bid and ask."""

    def __init__(self, price: Decimal) -> None:
        self.last = self.open = self.high = self.low = self.close = price
        self.last_size = self.volume = ZERO

    def add(self, price: Decimal, size: Decimal) -> None:
        self.last, self.last_size = price, size
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.volume += size


class StopQueue:
    """Stop orders of one side, the next one to be elected first. Cancelled ones are skipped when met."""

    def __init__(self, side: Side) -> None:
        self._sign = side.sign
        self._heap: list[tuple[Decimal, int, MarketOrder]] = []
        self._arrivals = count()

    def add(self, order: MarketOrder, stop: Decimal) -> None:
        heappush(self._heap, (stop * self._sign, next(self._arrivals), order))

    def pop(self, last: Decimal) -> MarketOrder | None:
        """Return the next order that a trade at `last` elects: at or above a buy stop, below for a sell."""
        while self._heap:
            key, _, order = self._heap[0]
            if order.stop is not None and key == order.stop * self._sign and key > last * self._sign:
                return None
            heappop(self._heap)
            if order.stop is not None and key == order.stop * self._sign:
                return order
        return None


class Market:
    """Matches orders of one instrument. Every method returns what happened, in order."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book = OrderBook()
        self.day = DayStatistics(instrument.price)
        self.orders: dict[int, MarketOrder] = {}
        self._stops = {side: StopQueue(side) for side in Side}
        self._waiting: OrderedDict[int, MarketOrder] = OrderedDict()

    def submit(self, order: MarketOrder) -> list[MarketEvent]:
        """Take a client's order in."""
        events: list[MarketEvent] = []
        self.orders[order.book_order.order_id] = order
        if order.stop is not None:
            self._stops[order.book_order.side].add(order, order.stop)
        else:
            self._work(order, events)
        self._elect(events)
        return events

    def quote(self, quote: BookOrder) -> list[MarketEvent]:
        """Take a market maker's quote in; like any order it first trades with what it crosses."""
        events: list[MarketEvent] = []
        self._record(self.book.match(quote), events)
        if quote.remaining:
            self.book.rest(quote)
        self._elect(events)
        return events

    def cancel(self, order_id: int) -> bool:
        """Take a client's order out; False if the market no longer has it."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return False
        order.stop = None
        self._waiting.pop(order_id, None)
        self.book.remove(order.book_order)
        return True

    def replace(self, order: MarketOrder) -> list[MarketEvent]:
        """Put new terms in place of the order with the same id.

        A smaller quantity at the same price keeps the place in the queue, anything else loses it.
        """
        old = self.orders[order.book_order.order_id]
        resting, new = old.book_order, order.book_order
        same_terms = resting.price == new.price and old.stop == order.stop
        same_terms &= order.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
        if same_terms and old.stop is None and new.price is not None and new.remaining <= resting.remaining:
            self.book.reduce(resting, new.remaining)
            old.time_in_force = order.time_in_force
            return []
        self.cancel(new.order_id)
        return self.submit(order)

    def retry_waiting(self) -> list[MarketEvent]:
        """Let market orders that ran out of liquidity try again."""
        events: list[MarketEvent] = []
        for order_id, order in list(self._waiting.items()):
            self._record(self.book.match(order.book_order), events)
            if not order.book_order.remaining:
                self._waiting.pop(order_id, None)
        self._elect(events)
        return events

    def print_trade(self, price: Decimal, size: Decimal) -> list[MarketEvent]:
        """Report a trade between others; it moves the last price and may elect stops."""
        events: list[MarketEvent] = []
        self.day.add(price, size)
        self._elect(events)
        return events

    def _work(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        book_order = order.book_order
        if order.time_in_force is TimeInForce.FOK and self.book.available(book_order) < book_order.remaining:
            self._kill(order, events)
            return
        self._record(self.book.match(book_order), events)
        if not book_order.remaining:
            return
        if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            self._kill(order, events)
            return
        if book_order.price is None:
            self._waiting[book_order.order_id] = order
        else:
            self.book.rest(book_order)
        events.append(Resting(book_order.order_id))

    def _kill(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        self.orders.pop(order.book_order.order_id, None)
        events.append(Killed(order.book_order.order_id, order.time_in_force))

    def _record(self, trades: list[Trade], events: list[MarketEvent]) -> None:
        for trade in trades:
            self.day.add(trade.price, trade.quantity)
            for order, added in ((trade.resting, True), (trade.taker, False)):
                if order.is_maker:
                    continue
                events.append(Filled(order.order_id, trade.quantity, trade.price, added))
                if not order.remaining:
                    self.orders.pop(order.order_id, None)

    def _elect(self, events: list[MarketEvent]) -> None:
        """Work every stop that the last price reaches; their trades may elect further ones."""
        while (order := self._next_elected()) is not None:
            order.stop = None
            events.append(Elected(order.book_order.order_id))
            self._work(order, events)

    def _next_elected(self) -> MarketOrder | None:
        last = self.day.last
        return self._stops[Side.BUY].pop(last) or self._stops[Side.SELL].pop(last)
