"""Limits on what an account does as a whole: what it has asked for already counts. Pure, no I/O.

An order is asked as a `Demand`, a group as one demand at its worst outcome. `Use` is what the accounts do
already; it grows with each demand that is granted, so that the orders of one request count among themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache

from brokers.fix import OrdType, Side
from brokers.formats import decimal_text
from orders.risk.catalogue import CATALOGUE, FIELDS, LimitSet
from orders.risk.report import CheckResult, result
from orders.risk.scopes import ScopeKind

ZERO = Decimal(0)
#: What a market order bids, and minus that what it offers at: it trades with everybody.
ANY_PRICE = Decimal("Infinity")


#: Rules that ask an intention with all that its scope does.
USE_RULES = (
    *(one.name for one in CATALOGUE if not one.per_order and one.name not in ("currency", "soft")),
    "short_sales",
)
#: Those that concern how orders came, not what is there: what has been recorded is not asked for them again.
ON_ARRIVAL = (
    "max_orders_per_minute",
    "max_messages_per_minute",
    "max_duplicates_per_minute",
    "max_daily_notional",
    "max_daily_orders",
    "max_order_to_trade",
    "max_repeated_executions",
    "refuse_self_trade",
)


def asks(limits: Iterable[LimitSet], *names: str) -> bool:
    """Whether one of these sets has one of these rules on."""
    return any(not one.on.isdisjoint(names) for one in limits)


def has_use_rules(limits: LimitSet) -> bool:
    """Whether one of the rules that need the use is on."""
    return asks([limits], *USE_RULES)


@lru_cache(maxsize=512)
def on_what_stands(limits: LimitSet) -> LimitSet:
    """The same limits without those on how orders came."""
    return replace(limits, **{name: FIELDS[name].off for name in ON_ARRIVAL})  # type: ignore[arg-type]


def owner_of(scope: str) -> str:
    """Under which name the use of a scope is counted: an account by its code, others as they are written."""
    return scope.removeprefix(f"{ScopeKind.ACCOUNT}:")


@dataclass(frozen=True)
class Content:
    """What makes two orders the same to a reader."""

    #: Whose it is: an account, or another owner that is asked whether it did the same.
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
    side: str = ""
    #: What it is worth at most in its instrument's currency; None: nobody can tell.
    value: Decimal | None = None
    currency: str = ""
    #: Whoever lends the shares that a short sale needs.
    locate: str = ""
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
    #: It changes an order that counts already: only what it adds is asked, and it opens none.
    replaces: bool = False
    #: Whose limits bind it beside its account's: scopes as they are written.
    scopes: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """All orders of an intention are of one account."""
        return self.orders[0].content.account

    @property
    def owners(self) -> tuple[str, ...]:
        """Under which names it counts."""
        return (self.account, *self.scopes)

    @property
    def new_orders(self) -> int:
        """How many orders it opens."""
        return 0 if self.replaces else len(self.orders)

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
class Day:
    """What one owner did today: orders, messages about them, how many executed, their value by currency."""

    orders: int = 0
    messages: int = 0
    executed: int = 0
    notional: dict[str, Decimal] = field(default_factory=dict)

    def add(self, values: Mapping[str, Decimal]) -> None:
        """These orders count, too."""
        for currency, value in values.items():
            self.notional[currency] = self.notional.get(currency, ZERO) + value


@dataclass(kw_only=True)
class Use:
    """What the owners do already, as far as a demand may meet it.

    `longs` and `shorts`: by owner and contract the largest and the lowest position that the present one
    and all working orders can lead to. `bids` and `asks`: by contract the best own prices that work, of any
    account.
    """

    open_orders: Counter[str] = field(default_factory=Counter)
    recent_messages: Counter[str] = field(default_factory=Counter)
    days: dict[str, Day] = field(default_factory=dict)
    #: By owner, instrument, whether it buys and quantity: how many orders of today executed.
    executed: Counter[tuple[str, int, bool, Decimal]] = field(default_factory=Counter)
    recent_orders: Counter[str] = field(default_factory=Counter)
    recent_contents: Counter[Content] = field(default_factory=Counter)
    longs: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    shorts: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    bids: dict[int, Decimal] = field(default_factory=dict)
    asks: dict[int, Decimal] = field(default_factory=dict)
    #: By owner its mark when this was read (`models.use_mark`); read where asked for.
    marks: dict[str, int | None] = field(default_factory=dict)
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
        for owner in demand.owners:
            self.recent_orders[owner] += demand.new_orders
            self.recent_messages[owner] += len(demand.orders)
            self.recent_contents.update(repeatable(demand, owner))
            day = self.days.setdefault(owner, Day())
            day.orders += demand.new_orders
            day.messages += len(demand.orders)
            day.add(demand.value() or {})
        for order in demand.orders:
            self._quote(order)

    def remove(self, demand: Demand) -> None:
        """Leave out what a recorded demand holds of positions and open orders."""
        self._count(demand, -1)

    def _count(self, demand: Demand, times: int) -> None:
        for owner in demand.owners:
            self.open_orders[owner] += times * demand.new_orders
            for positions, sign in ((self.longs, 1), (self.shorts, -1)):
                for con_id, quantity in demand.bought(sign).items():
                    key = owner, con_id
                    positions[key] = positions.get(key, ZERO) + times * sign * quantity

    def repeats(self, content: Content, owner: str) -> int:
        """How many orders like this one executed today."""
        return self.executed[owner, content.instrument, content.buys, content.order_qty]

    def _quote(self, order: Asked) -> None:
        quote = order.quote
        if quote is None:
            return
        (con_id, ratio), *_ = order.contracts.items()
        if ratio > 0:
            self.bids[con_id] = max(self.bids.get(con_id, quote), quote)
        else:
            self.asks[con_id] = min(self.asks.get(con_id, quote), quote)


def use_checks(demand: Demand, limits: LimitSet, use: Use) -> list[CheckResult]:
    """Every rule of one scope that is on, in the report's order; none is skipped because another failed."""
    owner = owner_of(limits.scope)
    checks = [*_counts(demand, limits, use, owner), *_positions(demand, limits, use, owner)]
    if limits.max_duplicates_per_minute is not None:
        checks.append(_duplicates(demand, limits.max_duplicates_per_minute, use, owner))
    if limits.refuse_self_trade:
        checks.append(_self_trade(demand, use))
    return [replace(check, scope=limits.scope) for check in checks]


def _counts(demand: Demand, limits: LimitSet, use: Use, owner: str) -> Iterable[CheckResult]:
    orders, messages = demand.new_orders, len(demand.orders)
    rules = (
        ("max_open_orders", use.open_orders, orders),
        ("max_orders_per_minute", use.recent_orders, orders),
        ("max_messages_per_minute", use.recent_messages, messages),
    )
    for check, used, added in rules:
        limit = getattr(limits, check)
        if limit is not None and added:
            value = used[owner] + added
            code = FIELDS[check].code
            yield result(check, passed=value <= limit, value=str(value), limit=str(limit), code=code)


def _positions(demand: Demand, limits: LimitSet, use: Use, owner: str) -> Iterable[CheckResult]:
    """Only the side to which it adds: an order that shrinks a position may always be placed."""
    limit = limits.max_position_qty
    if limit is None:
        return
    for sign, positions in ((1, use.longs), (-1, use.shorts)):
        for con_id, quantity in demand.bought(sign).items():
            worst = positions.get((owner, con_id), ZERO) + sign * quantity
            yield result(
                "max_position_qty",
                passed=sign * worst <= limit,
                value=f"{decimal_text(worst)} of contract {con_id} if all that works is filled",
                limit=decimal_text(limit),
                code="POSITION_ABOVE_LIMIT",
            )


def _duplicates(demand: Demand, limit: int, use: Use, owner: str) -> CheckResult:
    """How often the same is asked within the minute, this time included."""
    within = Counter(repeatable(demand, owner))
    value = max((use.recent_contents[content] + count for content, count in within.items()), default=0)
    return result(
        "max_duplicates_per_minute",
        passed=value <= limit,
        value=str(value),
        limit=str(limit),
        code="DUPLICATES_ABOVE_LIMIT",
    )


def repeatable(demand: Demand, owner: str) -> list[Content]:
    """What may be there by mistake a second time: slices of one parent are alike on purpose."""
    if demand.replaces:
        return []
    return [replace(order.content, account=owner) for order in demand.orders if not order.counted_elsewhere]


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
