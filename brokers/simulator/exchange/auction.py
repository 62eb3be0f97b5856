"""Opening and closing auctions: everybody trades at the one price at which most can be traded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from brokers.simulator.exchange.book import ZERO, BookOrder, OrderBook, Side, Trade

Alive = Callable[[BookOrder], bool]


def uncross(
    book: OrderBook, orders: Iterable[BookOrder], reference: Decimal, is_alive: Alive
) -> Iterator[Trade]:
    """Trade the auction's orders and the book's at the clearing price; yield the trades one by one.

    Most quantity wins, then the smaller imbalance, then the price nearer to `reference` (the last trade).
    Orders without a price trade first, then better prices, then those of the book before the auction's.
    What a trade does to other orders is seen by `is_alive` before the next.
    """
    mine = list(orders)
    queues = {side: _queue(book, mine, side) for side in Side}
    price = _clearing_price(queues[Side.BUY], queues[Side.SELL], reference)
    if price is not None:
        yield from _trades(book, queues, price, is_alive)


def _queue(book: OrderBook, orders: Iterable[BookOrder], side: Side) -> list[BookOrder]:
    resting = [order for level in book.sides[side].levels.values() for order in level.orders.values()]
    resting += [order for level in book.sides[side].levels.values() for order in level.hidden.values()]
    mine = [order for order in orders if order.side is side]
    # Sorting is stable: at one price the book's orders keep their order and stand first.
    return sorted(resting + mine, key=lambda order: _priority(order, side))


def _priority(order: BookOrder, side: Side) -> tuple[bool, Decimal]:
    return (order.price is not None, ZERO if order.price is None else -side.sign * order.price)


def _clearing_price(buys: list[BookOrder], sells: list[BookOrder], reference: Decimal) -> Decimal | None:
    prices = sorted({order.price for order in buys + sells if order.price is not None} | {reference})
    bought = dict(zip(reversed(prices), _wanted(buys, reversed(prices)), strict=True))
    sold = dict(zip(prices, _wanted(sells, prices), strict=True))
    best = min(
        prices,
        key=lambda price: (
            -min(bought[price], sold[price]),
            abs(bought[price] - sold[price]),
            abs(price - reference),
            price,
        ),
    )
    return best if min(bought[best], sold[best]) else None


def _wanted(queue: list[BookOrder], prices: Iterable[Decimal]) -> Iterator[Decimal]:
    """Yield how much the queue (best first) trades at each price, the worst for others first."""
    position, wanted = 0, ZERO
    for price in prices:
        while position < len(queue) and _accepts(queue[position], price):
            wanted += queue[position].remaining
            position += 1
        yield wanted


def _accepts(order: BookOrder, price: Decimal) -> bool:
    return order.price is None or (price - order.price) * order.side.sign <= 0


def _trades(
    book: OrderBook, queues: dict[Side, list[BookOrder]], price: Decimal, is_alive: Alive
) -> Iterator[Trade]:
    waiting = {
        side: [order for order in reversed(queue) if _accepts(order, price)] for side, queue in queues.items()
    }
    while all(waiting.values()):
        buy, sell = waiting[Side.BUY][-1], waiting[Side.SELL][-1]
        quantity = min(buy.remaining, sell.remaining)
        for order in (buy, sell):
            _lower(book, order, order.remaining - quantity)
        yield Trade(buy, sell, quantity, price)
        for queue in waiting.values():
            while queue and not (queue[-1].remaining and is_alive(queue[-1])):
                queue.pop()


def _lower(book: OrderBook, order: BookOrder, remaining: Decimal) -> None:
    """Take what traded off an order, in the book or not."""
    if not book.holds(order):
        order.resize(remaining)
    elif remaining:
        book.reduce(order, remaining)
    else:
        book.remove(order)
        order.resize(remaining)
