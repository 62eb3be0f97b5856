"""Combinations: orders for several instruments at once, traded against the markets of their legs.

A combination has no book of its own. It trades when the legs' best quotes make its net price, every leg in
full; what it asks more than that waits. One unit is `ratio` units of every leg.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from brokers.simulator.exchange.book import ZERO, BookOrder, Side
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.market import Market, Traded
from brokers.simulator.exchange.orders import (
    ComboFilled,
    Killed,
    LegFill,
    MarketEvent,
    MarketOrder,
    Phase,
    Resting,
    TimeInForce,
)


class Leg(NamedTuple):
    """`ratio` units of a market's instrument, bought or sold when the combination is bought."""

    market: Market
    side: Side
    ratio: Decimal

    def side_for(self, side: Side) -> Side:
        """Return which way the leg trades when the combination trades this way."""
        return self.side if side is Side.BUY else self.side.other

    def quote_for(self, side: Side) -> tuple[Decimal | None, Decimal]:
        """Return the price and quantity that the leg finds when the combination trades this way."""
        book = self.market.book
        mine = self.side_for(side)
        price = book.ask if mine is Side.BUY else book.bid
        return price, book.quantity_at(mine.other, price)


class Offer(NamedTuple):
    """A net price at which `units` of the combination can be traded now."""

    price: Decimal
    units: Decimal


class ComboMarket:
    """The orders for one combination."""

    def __init__(self, instrument: Instrument, legs: tuple[Leg, ...], traded: Traded) -> None:
        self.instrument = instrument
        self.orders: dict[int, MarketOrder] = {}
        self._legs = legs
        self._traded = traded

    @property
    def last(self) -> Decimal:
        """The net price of the legs' last trades."""
        return sum((leg.side.sign * leg.ratio * leg.market.day.last for leg in self._legs), start=ZERO)

    def submit(self, order: MarketOrder) -> list[MarketEvent]:
        """Take a client's order in; only market and limit orders come here."""
        self.orders[order.order_id] = order
        events: list[MarketEvent] = []
        self._work(order, events)
        if order.order_id not in self.orders:
            return events
        if order.time_in_force.is_immediate:
            del self.orders[order.order_id]
            return [*events, Killed(order.order_id, order.time_in_force)]
        return [*events, Resting(order.order_id)]

    def replace(self, order: MarketOrder) -> list[MarketEvent]:
        """Put new terms in place of the order with the same id."""
        self.cancel(order.order_id)
        return self.submit(order)

    def cancel(self, order_id: int) -> bool:
        """Take a client's order out; False if it is not here."""
        return self.orders.pop(order_id, None) is not None

    def shrink(self, order_id: int, quantity: Decimal) -> None:
        """Make an order want `quantity` less."""
        order = self.orders.get(order_id)
        if order is None:
            return
        order.book_order.resize(max(order.book_order.remaining - quantity, ZERO))
        if not order.book_order.remaining:
            self.cancel(order_id)

    def settle(self) -> list[MarketEvent]:
        """Try every waiting order again, oldest first."""
        events: list[MarketEvent] = []
        for order in list(self.orders.values()):
            if order.order_id in self.orders:
                self._work(order, events)
        return events

    def _work(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        book_order = order.book_order
        while order.order_id in self.orders and (offer := self._offer(book_order)) is not None:
            whole = order.all_or_none or order.time_in_force is TimeInForce.FOK
            if whole and offer.units < book_order.remaining:
                return
            self._trade(book_order, min(offer.units, book_order.remaining), events)

    def _offer(self, order: BookOrder) -> Offer | None:
        """Return what the legs' quotes offer to the order, None if its price is out of reach."""
        net, units = ZERO, order.remaining
        for leg in self._legs:
            price, quantity = leg.quote_for(order.side)
            if price is None or leg.market.phase is not Phase.OPEN:
                return None
            net += leg.side.sign * leg.ratio * price
            units = min(units, quantity // leg.ratio)
        beyond = order.price is not None and (net - order.price) * order.side.sign > 0
        return None if beyond or not units else Offer(net, units)

    def _trade(self, order: BookOrder, units: Decimal, events: list[MarketEvent]) -> None:
        fills, follow_ups = [], []
        for leg in self._legs:
            fill, others = _take(leg, order.side, units)
            fills.append(fill)
            follow_ups += others
        order.resize(order.remaining - units)
        if not order.remaining:
            self.cancel(order.order_id)
        net = sum(
            (leg.side.sign * leg.ratio * fill.price for leg, fill in zip(self._legs, fills, strict=True)),
            start=ZERO,
        )
        events.append(ComboFilled(order.order_id, units, net, tuple(fills)))
        events += self._traded(order.order_id, units)
        events += follow_ups


def _take(leg: Leg, side: Side, units: Decimal) -> tuple[LegFill, list[MarketEvent]]:
    """Trade one leg at its best quote."""
    price, _ = leg.quote_for(side)
    assert price is not None  # noqa: S101 - the offer was made of it
    mine, quantity = leg.side_for(side), units * leg.ratio
    trades, events = leg.market.take(mine, quantity, price)
    value = sum((trade.quantity * trade.price for trade in trades), start=ZERO)
    return LegFill(leg.market.instrument.con_id, mine, quantity, value / quantity), events
