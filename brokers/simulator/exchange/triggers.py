"""Orders that wait for a price: stops, if-touched orders, and trailing stops whose trigger moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from brokers.simulator.exchange.book import ZERO, Side
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.orders import MarketOrder, Trailed, Trigger
from brokers.simulator.exchange.pegs import passive_tick


class Watched(IntEnum):
    """What a trigger is compared with, by IB's numbers: see `Seen.price`."""

    DOUBLE_BID_ASK = 1
    LAST = 2
    DOUBLE_LAST = 3
    BID_ASK = 4
    LAST_OR_BID_ASK = 7
    MIDPOINT = 8


class Seen(NamedTuple):
    """The market now; a quote is None where nobody quotes, `volume` sets one trade apart from the next."""

    last: Decimal
    volume: Decimal = ZERO
    bid: Decimal | None = None
    ask: Decimal | None = None

    def quote(self, *, rising: bool) -> Decimal | None:
        """The bid has to rise to a trigger, the ask to fall to one: the harder way."""
        return self.bid if rising else self.ask

    @property
    def middle(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2


class TriggerQueue:
    """Orders triggered in one direction, the next one first. Entries that no longer hold are skipped."""

    def __init__(self, *, rising: bool) -> None:
        self._sign = 1 if rising else -1
        self._heap: list[tuple[Decimal, int, MarketOrder]] = []
        self._arrivals = count()

    def add(self, order: MarketOrder, price: Decimal) -> None:
        """Queue the order at its present trigger price."""
        heappush(self._heap, (price * self._sign, next(self._arrivals), order))

    def pop(self, price: Decimal) -> MarketOrder | None:
        """Return the next order that this price elects."""
        while self._heap:
            key, _, order = self._heap[0]
            holds = order.trigger is not None and key == order.trigger.price * self._sign
            if holds and key > price * self._sign:
                return None
            heappop(self._heap)
            if holds:
                return order
        return None


class Triggers:
    """All orders of a market that wait for a price. `quotes` is asked when one watches bid and ask."""

    def __init__(
        self, instrument: Instrument, quotes: Callable[[], tuple[Decimal | None, Decimal | None]]
    ) -> None:
        self._instrument = instrument
        self._quotes = quotes
        self._queues: dict[tuple[Watched, bool], TriggerQueue] = {}
        self._watches_quotes = False
        self._trailing: dict[int, MarketOrder] = {}
        #: What was seen last and what before it: the double methods want to see a price twice.
        self._now = self._before = Seen(instrument.price)

    def add(self, order: MarketOrder, trigger: Trigger) -> None:
        """Let the order wait for its trigger."""
        self._queue(order.watched, trigger).add(order, trigger.price)
        if order.trail is not None:
            self._trailing[order.order_id] = order

    def drop(self, order: MarketOrder) -> None:
        """Let the order wait no longer."""
        order.trigger = None
        self._trailing.pop(order.order_id, None)

    def record(self, last: Decimal, volume: Decimal) -> None:
        """Record the market as it is now."""
        seen = Seen(last, volume, *(self._quotes() if self._watches_quotes else (None, None)))
        if seen != self._now:
            self._before, self._now = self._now, seen

    def next_elected(self) -> MarketOrder | None:
        """Return an order that what was seen elects, its trigger gone; None if there is no more."""
        for (watched, rising), queue in self._queues.items():
            price = self._price(watched, rising=rising)
            order = queue.pop(price) if price is not None else None
            if order is not None:
                self.drop(order)
                return order
        return None

    def follow(self, last: Decimal) -> Iterator[Trailed]:
        """Pull trailing triggers behind the market; they never move away from it."""
        for order in list(self._trailing.values()):
            moved = self._moved(order, last)
            if moved is not None:
                order.trigger = moved
                self._queue(order.watched, moved).add(order, moved.price)
                yield Trailed(order.order_id, moved.price, self._limit(order, moved.price))

    def _queue(self, watched: int, trigger: Trigger) -> TriggerQueue:
        key = (Watched(watched), trigger.rising)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = TriggerQueue(rising=trigger.rising)
            self._watches_quotes |= key[0] not in (Watched.LAST, Watched.DOUBLE_LAST)
        return queue

    def _price(self, watched: Watched, *, rising: bool) -> Decimal | None:
        """Return what a trigger is compared with; None if there is no such price."""
        now, before = self._now, self._before
        worse, better = (min, max) if rising else (max, min)
        if watched is Watched.LAST:
            return now.last
        if watched is Watched.DOUBLE_LAST:
            return worse(now.last, before.last)
        if watched is Watched.MIDPOINT:
            return now.middle
        quote, quote_before = now.quote(rising=rising), before.quote(rising=rising)
        if watched is Watched.LAST_OR_BID_ASK:
            return now.last if quote is None else better(now.last, quote)
        if watched is Watched.DOUBLE_BID_ASK:
            return None if quote is None or quote_before is None else worse(quote, quote_before)
        return quote

    def _moved(self, order: MarketOrder, last: Decimal) -> Trigger | None:
        trail, trigger, side = order.trail, order.trigger, order.book_order.side
        if trail is None or trigger is None:
            return None
        wanted = passive_tick(last + side.sign * trail.distance(last), side.other, self._instrument)
        better = wanted < trigger.price if side is Side.BUY else wanted > trigger.price
        return Trigger(wanted, trigger.rising) if better else None

    def _limit(self, order: MarketOrder, trigger: Decimal) -> Decimal | None:
        if order.trail is None or order.trail.limit_offset is None:
            return None
        side = order.book_order.side
        limit = passive_tick(trigger + side.sign * order.trail.limit_offset, side, self._instrument)
        order.book_order.price = limit
        return limit
