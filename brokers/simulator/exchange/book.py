"""A limit order book with price-time priority.

A price level is an ordered dict of its orders, so that the oldest is found, and any one removed, in
constant time; the prices of a side are a sorted list, best last, so that the best is a list end.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

ZERO = Decimal(0)


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def other(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class BookOrder:
    """An order as the market sees it; `price` None is a market order. `remaining` falls as it trades."""

    __slots__ = ("is_maker", "order_id", "price", "remaining", "side")

    def __init__(
        self, order_id: int, side: Side, remaining: Decimal, price: Decimal | None, *, is_maker: bool = False
    ) -> None:
        self.order_id = order_id
        self.side = side
        self.remaining = remaining
        self.price = price
        self.is_maker = is_maker


class Trade(NamedTuple):
    """`taker` hit `resting`, at the resting order's price."""

    taker: BookOrder
    resting: BookOrder
    quantity: Decimal
    price: Decimal


class Level:
    """All orders at one price of one side, oldest first."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, BookOrder] = OrderedDict()
        self.quantity = ZERO


class BookSide:
    """The resting orders of one side."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.levels: dict[Decimal, Level] = {}
        # Signed so that the best price sorts last on both sides.
        self._keys: list[Decimal] = []

    def _key(self, price: Decimal) -> Decimal:
        return price if self.side is Side.BUY else -price

    @property
    def best(self) -> Decimal | None:
        return abs(self._keys[-1]) if self._keys else None

    def prices(self) -> Iterator[Decimal]:
        """Yield the prices, best first."""
        return (abs(key) for key in reversed(self._keys))

    def add(self, order: BookOrder, price: Decimal) -> None:
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level()
            insort(self._keys, self._key(price))
        level.orders[order.order_id] = order
        level.quantity += order.remaining

    def remove(self, order: BookOrder, price: Decimal) -> bool:
        """Take the order out; False if it is not there."""
        level = self.levels.get(price)
        if level is None or level.orders.pop(order.order_id, None) is None:
            return False
        level.quantity -= order.remaining
        self._drop_if_empty(price, level)
        return True

    def take(self, price: Decimal, quantity: Decimal) -> tuple[BookOrder, Decimal]:
        """Trade up to `quantity` with the oldest order at `price`; return it and how much traded."""
        level = self.levels[price]
        resting = next(iter(level.orders.values()))
        traded = min(quantity, resting.remaining)
        resting.remaining -= traded
        level.quantity -= traded
        if not resting.remaining:
            del level.orders[resting.order_id]
            self._drop_if_empty(price, level)
        return resting, traded

    def _drop_if_empty(self, price: Decimal, level: Level) -> None:
        if level.orders:
            return
        del self.levels[price]
        key = self._key(price)
        if self._keys[-1] == key:
            self._keys.pop()
        else:
            del self._keys[bisect_left(self._keys, key)]


class OrderBook:
    """Both sides of one instrument's market. Orders with a price rest, others only take."""

    def __init__(self) -> None:
        self.sides = {side: BookSide(side) for side in Side}

    @property
    def bid(self) -> Decimal | None:
        return self.sides[Side.BUY].best

    @property
    def ask(self) -> Decimal | None:
        return self.sides[Side.SELL].best

    def quantity_at(self, side: Side, price: Decimal | None) -> Decimal:
        """Return how much rests at a price."""
        level = self.sides[side].levels.get(price) if price is not None else None
        return level.quantity if level else ZERO

    def rest(self, order: BookOrder) -> None:
        """Queue an order at its price; the caller has matched it before."""
        assert order.price is not None  # noqa: S101 - market orders never rest
        self.sides[order.side].add(order, order.price)

    def remove(self, order: BookOrder) -> bool:
        """Take a resting order out; False if it does not rest."""
        return order.price is not None and self.sides[order.side].remove(order, order.price)

    def reduce(self, order: BookOrder, remaining: Decimal) -> None:
        """Lower a resting order's quantity; it keeps its place in the queue."""
        assert order.price is not None  # noqa: S101
        self.sides[order.side].levels[order.price].quantity -= order.remaining - remaining
        order.remaining = remaining

    def crosses(self, order: BookOrder) -> Decimal | None:
        """Return the best opposite price if the order would trade there now."""
        best = self.sides[order.side.other].best
        if best is None or order.price is None:
            return best
        reachable = best <= order.price if order.side is Side.BUY else best >= order.price
        return best if reachable else None

    def available(self, order: BookOrder) -> Decimal:
        """Return how much the order could trade at once, counted up to its own quantity."""
        opposite = self.sides[order.side.other]
        found = ZERO
        for price in opposite.prices():
            if order.price is not None and (price - order.price) * order.side.sign > 0:
                break
            found += opposite.levels[price].quantity
            if found >= order.remaining:
                break
        return found

    def match(self, order: BookOrder) -> list[Trade]:
        """Trade the order against the other side as far as it reaches."""
        trades: list[Trade] = []
        opposite = self.sides[order.side.other]
        while order.remaining and (price := self.crosses(order)) is not None:
            resting, traded = opposite.take(price, order.remaining)
            order.remaining -= traded
            trades.append(Trade(order, resting, traded, price))
        return trades
