"""A limit order book with price-time priority.

A price level is an ordered dict of its orders, so that the oldest is found, and any one removed, in
constant time; the prices of a side are a sorted list, best last, so that the best is a list end. What an
order does not display trades after everything displayed at its price, and is in no quote.
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
    """An order as the market sees it; `price` None is a market order. `remaining` falls as it trades.

    `display` is how much of it is shown at a time (an iceberg); 0 hides it, None shows all.
    """

    __slots__ = ("display", "is_maker", "is_pegged", "order_id", "price", "remaining", "side", "tip")

    def __init__(
        self,
        order_id: int,
        side: Side,
        remaining: Decimal,
        price: Decimal | None,
        *,
        is_maker: bool = False,
        display: Decimal | None = None,
        is_pegged: bool = False,
    ) -> None:
        self.order_id = order_id
        self.side = side
        self.remaining = remaining
        self.price = price
        self.is_maker = is_maker
        self.display = display
        self.is_pegged = is_pegged
        #: What an iceberg shows now.
        self.tip = remaining if display is None else min(display, remaining)

    @property
    def displayed(self) -> Decimal:
        """How much of it stands in quotes."""
        return self.remaining if self.display is None else self.tip

    def resize(self, remaining: Decimal) -> None:
        """Make the order want less than before."""
        self.remaining = remaining
        self.tip = min(self.tip, remaining)


class Trade(NamedTuple):
    """`taker` hit `resting`, at the resting order's price."""

    taker: BookOrder
    resting: BookOrder
    quantity: Decimal
    price: Decimal


class Level:
    """All orders at one price of one side, oldest first. `quantity` is displayed, `reserve` is not."""

    __slots__ = ("hidden", "orders", "quantity", "reserve")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, BookOrder] = OrderedDict()
        self.hidden: OrderedDict[int, BookOrder] = OrderedDict()
        self.quantity = ZERO
        self.reserve = ZERO

    def add(self, order: BookOrder) -> None:
        """Queue the order behind those like it."""
        queue = self.orders if order.displayed else self.hidden
        queue[order.order_id] = order
        self.count(order, 1)

    def count(self, order: BookOrder, sign: int) -> None:
        """Count the order's quantity in (1) or out (-1)."""
        self.quantity += sign * order.displayed
        self.reserve += sign * (order.remaining - order.displayed)

    def discard(self, order: BookOrder) -> bool:
        """Take the order out; False if it is not there."""
        found = self.orders.pop(order.order_id, None) or self.hidden.pop(order.order_id, None)
        if found is None:
            return False
        self.count(order, -1)
        return True

    def take(self, quantity: Decimal) -> tuple[BookOrder, Decimal]:
        """Trade up to `quantity` with the oldest order, displayed ones first."""
        queue = self.orders or self.hidden
        resting = next(iter(queue.values()))
        if resting.display is None:
            traded = min(quantity, resting.remaining)
            resting.remaining -= traded
            self.quantity -= traded
        else:
            traded = self._take_from_iceberg(resting, quantity)
        if not resting.remaining:
            del queue[resting.order_id]
        return resting, traded

    def _take_from_iceberg(self, resting: BookOrder, quantity: Decimal) -> Decimal:
        """A shown part that is used up is shown anew, behind the others."""
        self.count(resting, -1)
        traded = min(quantity, resting.tip or resting.remaining)
        resting.remaining -= traded
        resting.tip = max(resting.tip - traded, ZERO)
        if resting.display and not resting.tip and resting.remaining:
            resting.tip = min(resting.display, resting.remaining)
            self.orders.move_to_end(resting.order_id)
        self.count(resting, 1)
        return traded


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

    @property
    def best_displayed(self) -> Decimal | None:
        """The best price at which something is displayed."""
        return next((price for price in self.prices() if self.levels[price].quantity), None)

    def prices(self) -> Iterator[Decimal]:
        """Yield the prices, best first."""
        return (abs(key) for key in reversed(self._keys))

    def add(self, order: BookOrder, price: Decimal) -> None:
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level()
            insort(self._keys, self._key(price))
        level.add(order)

    def remove(self, order: BookOrder, price: Decimal) -> bool:
        """Take the order out; False if it is not there."""
        level = self.levels.get(price)
        if level is None or not level.discard(order):
            return False
        self._drop_if_empty(price, level)
        return True

    def take(self, price: Decimal, quantity: Decimal) -> tuple[BookOrder, Decimal]:
        """Trade up to `quantity` with the oldest order at `price`; return it and how much traded."""
        level = self.levels[price]
        resting, traded = level.take(quantity)
        if not resting.remaining:
            self._drop_if_empty(price, level)
        return resting, traded

    def _drop_if_empty(self, price: Decimal, level: Level) -> None:
        if level.orders or level.hidden:
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
        """The best displayed price to sell at."""
        return self.sides[Side.BUY].best_displayed

    @property
    def ask(self) -> Decimal | None:
        """The best displayed price to buy at."""
        return self.sides[Side.SELL].best_displayed

    def quantity_at(self, side: Side, price: Decimal | None) -> Decimal:
        """Return how much is displayed at a price."""
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
        level = self.sides[order.side].levels[order.price]
        level.count(order, -1)
        order.resize(remaining)
        level.count(order, 1)

    def holds(self, order: BookOrder) -> bool:
        """Whether the order rests here."""
        level = self.sides[order.side].levels.get(order.price) if order.price is not None else None
        return level is not None and (order.order_id in level.orders or order.order_id in level.hidden)

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
            found += opposite.levels[price].quantity + opposite.levels[price].reserve
            if found >= order.remaining:
                break
        return found

    def match(self, order: BookOrder) -> Iterator[Trade]:
        """Trade the order against the other side as far as it reaches.

        The book is read afresh before every trade: whoever follows the trades may cancel orders.
        """
        opposite = self.sides[order.side.other]
        while order.remaining and (price := self.crosses(order)) is not None:
            resting, traded = opposite.take(price, order.remaining)
            order.remaining -= traded
            yield Trade(order, resting, traded, price)
