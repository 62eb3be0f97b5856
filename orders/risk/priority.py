"""What goes to the broker first while more waits than it takes, and how long an order will wait. Pure.

Cancels before everything. Then what closes risk, then what loses with every moment: orders at the market and
limits that would trade at once. What rests in the book at its price anyway comes last. Of one priority the
oldest goes first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from brokers.fix import OrdType, Side, TimeInForce
from orders.models.outbox import Priority
from orders.risk.market import Market

AT_MARKET = (OrdType.MARKET, OrdType.MARKET_TO_LIMIT)
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class Ranked(Protocol):
    """The terms that say how an order is ranked."""

    @property
    def side(self) -> str: ...
    @property
    def ord_type(self) -> str: ...
    @property
    def time_in_force(self) -> str: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def reduce_only(self) -> bool: ...


def priority_of(order: Ranked, market: Market, *, conditional: bool) -> Priority:
    """The priority of a new order, by the market as it is now; `conditional`: the broker holds it back."""
    if order.reduce_only:
        return Priority.REDUCING
    if order.time_in_force == TimeInForce.OPG or conditional:
        return Priority.RESTING
    if order.ord_type in AT_MARKET:
        return Priority.MARKET
    if order.ord_type == OrdType.LIMIT and (order.time_in_force in AT_ONCE or crosses(order, market)):
        return Priority.MARKETABLE
    return Priority.RESTING


def crosses(order: Ranked, market: Market) -> bool:
    """Whether its limit reaches the other side of the market; without a quote, the last price."""
    buys = order.side == Side.BUY
    there = (market.ask_px if buys else market.bid_px) or market.last_px
    if there is None or order.price is None:
        return False
    return order.price >= there.px if buys else order.price <= there.px


def most_ahead(max_age: float, per_second: float) -> int:
    """How many orders may be ahead of one that must be sent within so many seconds."""
    return int(max_age * per_second)


def wait_text(ahead: int, per_second: float) -> str:
    """The expected wait as a refusal and the desk tell it."""
    return f"{ahead / per_second:.1f} s ({ahead} orders ahead at {per_second:g} a second)"
