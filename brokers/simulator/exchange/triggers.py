"""Orders that wait for a price: stops, if-touched orders, and trailing stops whose trigger moves."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count

from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.orders import MarketOrder, Trailed, Trigger
from brokers.simulator.exchange.pegs import passive_tick


class TriggerQueue:
    """Orders triggered in one direction, the next one first. Entries that no longer hold are skipped."""

    def __init__(self, *, rising: bool) -> None:
        self._sign = 1 if rising else -1
        self._heap: list[tuple[Decimal, int, MarketOrder]] = []
        self._arrivals = count()

    def add(self, order: MarketOrder, price: Decimal) -> None:
        """Queue the order at its present trigger price."""
        heappush(self._heap, (price * self._sign, next(self._arrivals), order))

    def pop(self, last: Decimal) -> MarketOrder | None:
        """Return the next order that a trade at `last` elects."""
        while self._heap:
            key, _, order = self._heap[0]
            holds = order.trigger is not None and key == order.trigger.price * self._sign
            if holds and key > last * self._sign:
                return None
            heappop(self._heap)
            if holds:
                return order
        return None


class Triggers:
    """All orders of a market that wait for a price."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._queues = {rising: TriggerQueue(rising=rising) for rising in (True, False)}
        self._trailing: dict[int, MarketOrder] = {}

    def add(self, order: MarketOrder, trigger: Trigger) -> None:
        """Let the order wait for its trigger."""
        self._queues[trigger.rising].add(order, trigger.price)
        if order.trail is not None:
            self._trailing[order.order_id] = order

    def drop(self, order: MarketOrder) -> None:
        """Let the order wait no longer."""
        order.trigger = None
        self._trailing.pop(order.order_id, None)

    def next_elected(self, last: Decimal) -> MarketOrder | None:
        """Return an order that a trade at `last` elects, its trigger gone; None if there is no more."""
        order = self._queues[True].pop(last) or self._queues[False].pop(last)
        if order is not None:
            self.drop(order)
        return order

    def follow(self, last: Decimal) -> Iterator[Trailed]:
        """Pull trailing triggers behind the market; they never move away from it."""
        for order in list(self._trailing.values()):
            moved = self._moved(order, last)
            if moved is not None:
                order.trigger = moved
                self._queues[moved.rising].add(order, moved.price)
                yield Trailed(order.order_id, moved.price, self._limit(order, moved.price))

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
