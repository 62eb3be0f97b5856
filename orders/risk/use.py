"""Limits on what an account does as a whole: what it has asked for already counts. Pure, no I/O.

An order is asked as a `Demand`, a group as one demand at its worst outcome. `Use` is what the accounts do
already; it grows with each demand that is granted, so that the orders of one request count among themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from brokers.fix import OrdType, Side
from brokers.formats import decimal_text
from orders.risk.checks import CheckResult, result

ZERO = Decimal(0)
#: What a market order bids, and minus that what it offers at: it trades with everybody.
ANY_PRICE = Decimal("Infinity")


@dataclass(frozen=True, kw_only=True)
class UseLimits:
    """What an account may do at once; None, or False, is a rule that is off."""

    max_position_qty: Decimal | None = None
    max_open_orders: int | None = None
    max_orders_per_minute: int | None = None
    max_duplicates_per_minute: int | None = None
    refuse_self_trade: bool = False

    @property
    def any(self) -> bool:
        """Whether one of the rules is on."""
        return self != UseLimits()

    @property
    def on_what_stands(self) -> UseLimits:
        """Those that concern what is there, not how it came: positions and open orders."""
        return UseLimits(max_position_qty=self.max_position_qty, max_open_orders=self.max_open_orders)


@dataclass(frozen=True)
class Content:
    """What makes two orders the same to a reader."""

    account: str
    instrument: int
    buys: bool
    order_qty: Decimal
    ord_type: str
    price: Decimal | None
    stop_px: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One order in the terms that these rules know.

    `contracts`: what one unit of it buys (positive) or sells of each contract; of a combination, its legs.
    """

    content: Content
    contracts: Mapping[int, Decimal]
    #: Exits of a bracket and slices of a parent shrink or fill what was counted with their entry or parent.
    counted_elsewhere: bool = False
    #: It is reduce_only, or in a scope that is REDUCING.
    must_shrink: bool = False

    @property
    def quote(self) -> Decimal | None:
        """The price at which it trades with the other side; None while it waits for a stop.

        A combination has none: its price says nothing about those of its legs.
        """
        if self.content.stop_px is not None or len(self.contracts) != 1:
            return None
        if self.content.ord_type == OrdType.MARKET:
            return ANY_PRICE if self.content.buys else -ANY_PRICE
        return self.content.price


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one intention adds: an order, or the orders of a group of which one ends the others.

    `alternatives`: of these orders at most one's quantity executes, so the largest counts.
    """

    orders: Sequence[Asked]
    alternatives: bool = False

    @property
    def account(self) -> str:
        """All orders of an intention are of one account."""
        return self.orders[0].content.account

    def bought(self, sign: int) -> dict[int, Decimal]:
        """By contract how much it may buy (sign 1) or sell (-1) at worst."""
        total: dict[int, Decimal] = {}
        for order in self.orders:
            for con_id, ratio in order.contracts.items():
                quantity = max(sign * ratio * order.content.order_qty, ZERO)
                if order.counted_elsewhere or not quantity:
                    continue
                before = total.get(con_id, ZERO)
                total[con_id] = max(before, quantity) if self.alternatives else before + quantity
        return total

    def added(self, con_id: int, sign: int) -> Decimal:
        """What it adds to the largest (sign 1) or takes from the lowest (-1) position in a contract."""
        return sign * self.bought(sign).get(con_id, ZERO)


@dataclass(kw_only=True)
class Use:
    """What the accounts do already, as far as a demand may meet it.

    `longs` and `shorts`: by account and contract the largest and the lowest position that the present one
    and all working orders can lead to. `bids` and `asks`: by contract the best own prices that work, of any
    account.
    """

    open_orders: Counter[str] = field(default_factory=Counter)
    recent_orders: Counter[str] = field(default_factory=Counter)
    recent_contents: Counter[Content] = field(default_factory=Counter)
    longs: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    shorts: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    bids: dict[int, Decimal] = field(default_factory=dict)
    asks: dict[int, Decimal] = field(default_factory=dict)
    #: What exits of brackets may buy or sell beyond what their entries still may; read where asked for.
    exits_bought: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    exits_sold: dict[tuple[str, int], Decimal] = field(default_factory=dict)

    def worst_with_exits(self, key: tuple[str, int], sign: int) -> Decimal:
        """The largest (sign 1) or lowest (-1) position that all which works can lead to, exits too."""
        if sign > 0:
            return self.longs.get(key, ZERO) + self.exits_bought.get(key, ZERO)
        return self.shorts.get(key, ZERO) - self.exits_sold.get(key, ZERO)

    def add(self, demand: Demand) -> None:
        """The demand was granted: it counts for those that come after it."""
        self._count(demand, 1)
        self.recent_orders[demand.account] += len(demand.orders)
        self.recent_contents.update(repeatable(demand))
        for order in demand.orders:
            self._quote(order)

    def remove(self, demand: Demand) -> None:
        """Leave out what a recorded demand holds of positions and open orders."""
        self._count(demand, -1)

    def _count(self, demand: Demand, times: int) -> None:
        self.open_orders[demand.account] += times * len(demand.orders)
        for positions, sign in ((self.longs, 1), (self.shorts, -1)):
            for con_id, quantity in demand.bought(sign).items():
                key = demand.account, con_id
                positions[key] = positions.get(key, ZERO) + times * sign * quantity

    def _quote(self, order: Asked) -> None:
        quote = order.quote
        if quote is None:
            return
        (con_id, ratio), *_ = order.contracts.items()
        if ratio > 0:
            self.bids[con_id] = max(self.bids.get(con_id, quote), quote)
        else:
            self.asks[con_id] = min(self.asks.get(con_id, quote), quote)


def use_checks(demand: Demand, limits: UseLimits, use: Use) -> list[CheckResult]:
    """Every rule that is on, in the order of the report; none is skipped because another failed."""
    checks = [*_counts(demand, limits, use), *_positions(demand, limits, use)]
    if limits.max_duplicates_per_minute is not None:
        checks.append(_duplicates(demand, limits.max_duplicates_per_minute, use))
    if limits.refuse_self_trade:
        checks.append(_self_trade(demand, use))
    return checks


def _counts(demand: Demand, limits: UseLimits, use: Use) -> Iterable[CheckResult]:
    rules = (
        ("max_open_orders", limits.max_open_orders, use.open_orders, "OPEN_ORDERS_ABOVE_LIMIT"),
        ("max_orders_per_minute", limits.max_orders_per_minute, use.recent_orders, "ORDER_RATE_ABOVE_LIMIT"),
    )
    for check, limit, used, code in rules:
        if limit is not None:
            value = used[demand.account] + len(demand.orders)
            yield result(check, passed=value <= limit, value=str(value), limit=str(limit), code=code)


def _positions(demand: Demand, limits: UseLimits, use: Use) -> Iterable[CheckResult]:
    """Only the side to which it adds: an order that shrinks a position may always be placed."""
    limit = limits.max_position_qty
    if limit is None:
        return
    for sign, positions in ((1, use.longs), (-1, use.shorts)):
        for con_id, quantity in demand.bought(sign).items():
            worst = positions.get((demand.account, con_id), ZERO) + sign * quantity
            yield result(
                "max_position_qty",
                passed=sign * worst <= limit,
                value=f"{decimal_text(worst)} of contract {con_id} if all that works is filled",
                limit=decimal_text(limit),
                code="POSITION_ABOVE_LIMIT",
            )


def _duplicates(demand: Demand, limit: int, use: Use) -> CheckResult:
    """How often the same is asked within the minute, this time included."""
    within = Counter(repeatable(demand))
    value = max((use.recent_contents[content] + count for content, count in within.items()), default=0)
    return result(
        "max_duplicates_per_minute",
        passed=value <= limit,
        value=str(value),
        limit=str(limit),
        code="DUPLICATES_ABOVE_LIMIT",
    )


def repeatable(demand: Demand) -> list[Content]:
    """What may be there by mistake a second time: slices of one parent are alike on purpose."""
    return [order.content for order in demand.orders if not order.counted_elsewhere]


def _self_trade(demand: Demand, use: Use) -> CheckResult:
    """A buy at or above an own offer that works, or a sell at or below an own bid, trades with ourselves."""
    crossed = next((own for order in demand.orders if (own := _crossed(order, use)) is not None), None)
    return result(
        "self_trade",
        passed=crossed is None,
        value="none" if crossed is None else f"an own order works at {price_text(crossed)}",
        limit="no own order at a price that crosses",
        code="SELF_TRADE",
    )


def _crossed(order: Asked, use: Use) -> Decimal | None:
    quote = order.quote
    if quote is None:
        return None
    (con_id, ratio), *_ = order.contracts.items()
    own = use.asks.get(con_id) if ratio > 0 else use.bids.get(con_id)
    return own if own is not None and (quote >= own if ratio > 0 else quote <= own) else None


def price_text(price: Decimal) -> str:
    """A price, or that it is any."""
    return "the market" if price.is_infinite() else decimal_text(price)


def signed(side: str) -> Decimal:
    """1 for a buy, -1 for a sell of any kind."""
    return Decimal(1 if side == Side.BUY else -1)
