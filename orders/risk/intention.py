"""An intention as the rules know it: what one request means to do, whatever door it came by. Pure.

A single order, a group at its worst outcome, a sliced parent at its total, a replace at its difference, a
combination by its legs: each is one `Intention`, asked whole of every limit that binds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property

from brokers.fix import OrdType, Side
from orders.risk.catalogue import LimitSet
from orders.risk.scopes import ScopeKind, is_account

ZERO = Decimal(0)
#: What a market order bids, and minus that what it offers at: it trades with everybody.
ANY_PRICE = Decimal("Infinity")
#: They wait for a stop that the broker moves.
TRAILING = (OrdType.TRAIL, OrdType.TRAIL_LIMIT)


def owner_of(scope: str) -> str:
    """Under which name the use of a scope is counted: an account by its code, others as they are written."""
    return scope.removeprefix(f"{ScopeKind.ACCOUNT}:")


def signed(side: str) -> Decimal:
    """1 for a buy, -1 for a sell of any kind."""
    return Decimal(1 if side == Side.BUY else -1)


@dataclass(frozen=True)
class Content:
    """What makes two orders the same to a reader."""

    #: Whose it is: an account, or another owner that is asked whether it did the same.
    account: str
    #: What it trades, by contract: the same wherever it is routed, however it was described.
    contract: str
    buys: bool
    order_qty: Decimal
    ord_type: str
    price: Decimal | None
    stop_px: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One order of an intention.

    `contracts`: what one unit of it buys (positive) or sells of each contract; of a combination, its legs.
    """

    content: Content
    contracts: Mapping[int, Decimal]
    side: str = ""
    #: How much it adds to what counts already: all of a new order, of a replace what it asks for more.
    quantity: Decimal
    #: What that is worth at most in its instrument's currency; None: nobody can tell.
    value: Decimal | None = None
    currency: str = ""
    #: Whoever lends the shares that a short sale needs.
    locate: str = ""
    #: An exit of a bracket: it closes what its entry, which counts, opens.
    closes: bool = False
    #: A slice of a parent that counts whole.
    of_parent: bool = False
    #: It is reduce_only, or in a scope that is REDUCING.
    must_shrink: bool = False

    @property
    def counted_elsewhere(self) -> bool:
        """Whether it was counted with its entry or parent."""
        return self.closes or self.of_parent

    @property
    def quote(self) -> Decimal | None:
        """The price at which it trades with the other side; None while it waits for a stop.

        A combination has none: its price says nothing about those of its legs.
        """
        waits = self.content.stop_px is not None or self.content.ord_type in TRAILING
        if waits or len(self.contracts) != 1:
            return None
        if self.content.price is None:  # an auction's, a peg's without a cap: as far as a market order's
            return ANY_PRICE if self.content.buys else -ANY_PRICE
        return self.content.price

    def beyond(self, counted: Iterable[Part]) -> Part:
        """The same as a change of what counts already in each of these terms: what it adds to the most."""
        before = list(counted)
        quantity = max(self.quantity - max(one.quantity for one in before), ZERO)
        values = [one.value for one in before if one.value is not None]
        known = self.value is not None and len(values) == len(before)
        value = max(self.value - max(values), ZERO) if known and self.value is not None else None
        return replace(self, quantity=quantity, value=value)


@dataclass(frozen=True, kw_only=True)
class Intention:
    """What one request adds: an order, or the orders of a group of which one ends the others.

    `alternatives`: of these orders at most one's quantity executes, so the largest counts.
    """

    orders: Sequence[Part]
    alternatives: bool = False
    #: It changes an order that counts already: only what it adds is asked, and it opens none.
    replaces: bool = False
    #: The sets that bind it and need what their scopes do already, its account's first.
    limits: tuple[LimitSet, ...] = ()
    #: Warnings that somebody took responsibility for: by id, who and why.
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """All orders of an intention are of one account."""
        return self.orders[0].content.account

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes beside its account's, whose use is kept by itself."""
        return tuple(one.scope for one in self.limits if not is_account(one.scope))

    @property
    def owners(self) -> tuple[str, ...]:
        """Under which names it counts."""
        return (self.account, *self.scopes)

    @property
    def contracts(self) -> set[int]:
        """All that it may buy or sell."""
        return {con_id for order in self.orders for con_id in order.contracts}

    @property
    def new_orders(self) -> int:
        """How many orders it opens."""
        return 0 if self.replaces else len(self.orders)

    @property
    def of_parent(self) -> bool:
        """Whether it is a slice: its parent's rest, of which it is a part, counts already."""
        return any(order.of_parent for order in self.orders)

    @property
    def must_shrink(self) -> bool:
        """Whether one of its orders may only shrink a position."""
        return any(order.must_shrink for order in self.orders)

    def value(self) -> dict[str, Decimal] | None:
        """By currency what it is worth at most; None where nobody can tell."""
        total: dict[str, Decimal] = {}
        for order in self.orders:
            if order.counted_elsewhere:
                continue
            if order.value is None:
                return None
            total[order.currency] = total.get(order.currency, ZERO) + order.value
        return total

    @cached_property
    def _bought(self) -> dict[int, dict[int, Decimal]]:
        total: dict[int, dict[int, Decimal]] = {1: {}, -1: {}}
        for order in self.orders:
            if order.closes or not order.quantity:
                continue
            for con_id, ratio in order.contracts.items():
                side, quantity = total[1 if ratio > 0 else -1], abs(ratio) * order.quantity
                before = side.get(con_id, ZERO)
                side[con_id] = max(before, quantity) if self.alternatives else before + quantity
        return total

    def bought(self, sign: int) -> Mapping[int, Decimal]:
        """By contract how much it may buy (sign 1) or sell (-1) at worst."""
        return self._bought[sign]

    def added(self, con_id: int, sign: int) -> Decimal:
        """What it adds to the largest (sign 1) or takes from the lowest (-1) position in a contract."""
        return sign * self.bought(sign).get(con_id, ZERO)

    def repeatable(self, owner: str) -> list[Content]:
        """What may be there by mistake a second time: slices of one parent are alike on purpose."""
        if self.replaces:
            return []
        return [replace(part.content, account=owner) for part in self.orders if not part.counted_elsewhere]
