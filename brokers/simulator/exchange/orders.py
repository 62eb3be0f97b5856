"""A client's order as the market works it, and what the market reports about orders."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from brokers.simulator.exchange.book import ZERO, BookOrder, Side
from brokers.simulator.exchange.pegs import Peg


class TimeInForce(StrEnum):
    """How long an order works; whoever owns the order ends GTD and DAY."""

    DAY = "DAY"
    GTC = "GTC"
    GTD = "GTD"
    OPG = "OPG"
    AUC = "AUC"
    IOC = "IOC"
    FOK = "FOK"

    @property
    def is_immediate(self) -> bool:
        return self in (TimeInForce.IOC, TimeInForce.FOK)


class Auction(StrEnum):
    """The auctions of a trading day."""

    OPEN = "open"
    CLOSE = "close"


class Phase(StrEnum):
    """The part of its day that a market is in."""

    CLOSED = "closed"
    EXTENDED = "extended"
    OPEN = "open"


#: The usual trigger method.
LAST_TRADE = 2


class Trigger(NamedTuple):
    """A last price that wakes the order: at or above `price` if `rising`, else at or below."""

    price: Decimal
    rising: bool


class Trail(NamedTuple):
    """How far a trigger follows the market: an amount, or a share of the price (0.01 is one percent).

    `limit_offset` puts the limit of a trailing stop limit that far beyond the trigger.
    """

    amount: Decimal = ZERO
    rate: Decimal = ZERO
    limit_offset: Decimal | None = None

    def distance(self, last: Decimal) -> Decimal:
        """Return how far from `last` the trigger has to be."""
        return self.amount or last * self.rate


@dataclass(slots=True)
class MarketOrder:
    """An order with everything that decides when and how it trades.

    `trigger` is None once the order is elected. `minimum` is the least first fill; `all_or_none` allows
    none but the whole. `to_limit` makes of a market order a limit order at the best price that it finds.
    `auction` keeps it for that auction, `outside_rth` lets it trade outside regular hours, `works_at_night`
    in the overnight session, and without `works_by_day` in that alone. `discretion` is how far beyond its
    price it trades when somebody is there, without showing it. `watched` is what its trigger is compared
    with, by IB's trigger methods.
    """

    book_order: BookOrder
    time_in_force: TimeInForce
    trigger: Trigger | None = None
    trail: Trail | None = None
    peg: Peg | None = None
    minimum: Decimal = ZERO
    all_or_none: bool = False
    to_limit: bool = False
    auction: Auction | None = None
    outside_rth: bool = False
    works_at_night: bool = False
    works_by_day: bool = True
    discretion: Decimal = ZERO
    watched: int = LAST_TRADE

    @property
    def order_id(self) -> int:
        return self.book_order.order_id

    @property
    def least(self) -> Decimal:
        """How much must be there before the order may trade."""
        if self.all_or_none or self.time_in_force is TimeInForce.FOK:
            return self.book_order.remaining
        return min(self.minimum, self.book_order.remaining)

    def works_in(self, phase: Phase, *, is_night: bool) -> bool:
        """Whether the order may trade in this part of the day, which may be the overnight session too."""
        if self.auction is not None:
            return False
        if is_night and self.works_at_night:
            return True
        is_time = phase is Phase.OPEN or (phase is Phase.EXTENDED and self.outside_rth)
        return is_time and self.works_by_day


class Filled(NamedTuple):
    """`quantity` of the order traded; `added_liquidity` if it was resting."""

    order_id: int
    quantity: Decimal
    price: Decimal
    added_liquidity: bool


class LegFill(NamedTuple):
    """One leg of a combination traded."""

    con_id: int
    side: Side
    quantity: Decimal
    price: Decimal


class ComboFilled(NamedTuple):
    """`quantity` of a combination traded at a net `price`, its legs as given."""

    order_id: int
    quantity: Decimal
    price: Decimal
    legs: tuple[LegFill, ...]


class Resting(NamedTuple):
    """The order works: it rests in the book, or waits for liquidity."""

    order_id: int


class StopElected(NamedTuple):
    """The order's trigger was reached."""

    order_id: int


class Trailed(NamedTuple):
    """The market moved an order's trigger, and its limit if it has one."""

    order_id: int
    trigger: Decimal
    limit: Decimal | None


class Repriced(NamedTuple):
    """What a market-to-limit order has left is a limit order at this price."""

    order_id: int
    price: Decimal


class Parked(NamedTuple):
    """The order waits for its auction or for trading hours."""

    order_id: int


class Killed(NamedTuple):
    """The market took the rest out: IOC, FOK that cannot be filled whole, or an auction that is over."""

    order_id: int
    time_in_force: TimeInForce


class Expired(NamedTuple):
    """The day for which the order was meant is over."""

    order_id: int


class QuantityReduced(NamedTuple):
    """Another order of its group traded, so this one wants `quantity` less."""

    order_id: int
    quantity: Decimal


class Displaced(NamedTuple):
    """Another order of its group traded, so this one was taken out."""

    order_id: int


MarketEvent = (
    Filled
    | ComboFilled
    | Resting
    | StopElected
    | Trailed
    | Repriced
    | Parked
    | Killed
    | Expired
    | QuantityReduced
    | Displaced
)
