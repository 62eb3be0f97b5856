"""Limits on what an account does as a whole: what it has asked for already counts. Pure, no I/O.

`Use` is what the scopes do already; it grows with each intention that is granted, so that the orders of one
request count among themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache

from brokers.formats import decimal_text
from orders.risk.catalogue import CATALOGUE, FIELDS, LimitSet
from orders.risk.intention import ZERO, Content, Intention, Part, owner_of
from orders.risk.report import CheckResult, result

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


@lru_cache(maxsize=512)
def on_what_stands(limits: LimitSet) -> LimitSet:
    """The same limits without those on how orders came."""
    return replace(limits, **{name: FIELDS[name].off for name in ON_ARRIVAL})  # type: ignore[arg-type]


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
    """What the owners do already, as far as an intention may meet it.

    `longs` and `shorts`: by owner and contract the largest and the lowest position that the present one
    and all working orders can lead to. `bids` and `asks`: by contract the best own prices that work, of any
    account.
    """

    open_orders: Counter[str] = field(default_factory=Counter)
    recent_messages: Counter[str] = field(default_factory=Counter)
    days: dict[str, Day] = field(default_factory=dict)
    #: By owner, contract, whether it buys and quantity: how many orders of today executed.
    executed: Counter[tuple[str, str, bool, Decimal]] = field(default_factory=Counter)
    recent_orders: Counter[str] = field(default_factory=Counter)
    recent_contents: Counter[Content] = field(default_factory=Counter)
    longs: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    shorts: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    bids: dict[int, Decimal] = field(default_factory=dict)
    asks: dict[int, Decimal] = field(default_factory=dict)
    #: By owner its mark when this was read (`models.use_mark`); read where asked for.
    marks: dict[str, int | None] = field(default_factory=dict)
    #: Which transactions had ended when this was read, as PostgreSQL writes it; read with the exits.
    snapshot: str = ""
    #: What exits of brackets may buy or sell beyond what their entries still may; read where asked for.
    exits_bought: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    exits_sold: dict[tuple[str, int], Decimal] = field(default_factory=dict)

    def worst_with_exits(self, key: tuple[str, int], sign: int) -> Decimal:
        """The largest (sign 1) or lowest (-1) position that all which works can lead to, exits too."""
        if sign > 0:
            return self.longs.get(key, ZERO) + self.exits_bought.get(key, ZERO)
        return self.shorts.get(key, ZERO) - self.exits_sold.get(key, ZERO)

    def add(self, intention: Intention, owners: Collection[str] | None = None) -> None:
        """The intention was granted: it counts for those that come after it; None: of all its owners."""
        owners = intention.owners if owners is None else owners
        self._count(intention, 1, owners)
        for owner in owners:
            self.recent_orders[owner] += intention.new_orders
            self.recent_messages[owner] += len(intention.orders)
            self.recent_contents.update(intention.repeatable(owner))
            day = self.days.setdefault(owner, Day())
            day.orders += intention.new_orders
            day.messages += len(intention.orders)
            day.add(intention.value() or {})
        for order in intention.orders:
            self._quote(order)

    def remove(self, intention: Intention) -> None:
        """Leave out what a recorded intention holds of positions and open orders."""
        self._count(intention, -1, intention.owners)

    def _count(self, intention: Intention, times: int, owners: Collection[str]) -> None:
        for owner in owners:
            self.open_orders[owner] += times * intention.new_orders
        self._hold(intention, times, owners)

    def take_out(self, intention: Intention) -> None:
        """Leave a slice out of what its parent holds of positions, so that it can be asked by itself."""
        self._hold(intention, -1, intention.owners)

    def _hold(self, intention: Intention, times: int, owners: Collection[str]) -> None:
        for owner in owners:
            for positions, sign in ((self.longs, 1), (self.shorts, -1)):
                for con_id, quantity in intention.bought(sign).items():
                    key = owner, con_id
                    positions[key] = positions.get(key, ZERO) + times * sign * quantity

    def repeats(self, content: Content, owner: str) -> int:
        """How many orders like this one executed today."""
        return self.executed[owner, content.contract, content.buys, content.order_qty]

    def _quote(self, order: Part) -> None:
        quote = order.quote
        if quote is None:
            return
        (con_id, ratio), *_ = order.contracts.items()
        if ratio > 0:
            self.bids[con_id] = max(self.bids.get(con_id, quote), quote)
        else:
            self.asks[con_id] = min(self.asks.get(con_id, quote), quote)


def use_checks(intention: Intention, limits: LimitSet, use: Use) -> list[CheckResult]:
    """Every rule of one scope that is on, in the report's order; none is skipped because another failed."""
    owner = owner_of(limits.scope)
    checks = [*_counts(intention, limits, use, owner), *_positions(intention, limits, use, owner)]
    if limits.max_duplicates_per_minute is not None:
        checks.append(_duplicates(intention, limits.max_duplicates_per_minute, use, owner))
    if limits.refuse_self_trade:
        checks.append(_self_trade(intention, use))
    return [replace(check, scope=limits.scope) for check in checks]


def _counts(intention: Intention, limits: LimitSet, use: Use, owner: str) -> Iterable[CheckResult]:
    orders, messages = intention.new_orders, len(intention.orders)
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


def _positions(intention: Intention, limits: LimitSet, use: Use, owner: str) -> Iterable[CheckResult]:
    """Only the side to which it adds: an order that shrinks a position may always be placed."""
    limit = limits.max_position_qty
    if limit is None:
        return
    for sign, positions in ((1, use.longs), (-1, use.shorts)):
        for con_id, quantity in intention.bought(sign).items():
            worst = positions.get((owner, con_id), ZERO) + sign * quantity
            yield result(
                "max_position_qty",
                passed=sign * worst <= limit,
                value=f"{decimal_text(worst)} of contract {con_id} if all that works is filled",
                limit=decimal_text(limit),
                code="POSITION_ABOVE_LIMIT",
            )


def _duplicates(intention: Intention, limit: int, use: Use, owner: str) -> CheckResult:
    """How often the same is asked within the minute, this time included."""
    within = Counter(intention.repeatable(owner))
    value = max((use.recent_contents[content] + count for content, count in within.items()), default=0)
    return result(
        "max_duplicates_per_minute",
        passed=value <= limit,
        value=str(value),
        limit=str(limit),
        code="DUPLICATES_ABOVE_LIMIT",
    )


def _self_trade(intention: Intention, use: Use) -> CheckResult:
    """A buy at or above an own offer that works, or a sell at or below an own bid, trades with ourselves."""
    crossed = next((own for order in intention.orders if (own := _crossed(order, use)) is not None), None)
    return result(
        "self_trade",
        passed=crossed is None,
        value="none" if crossed is None else f"an own order works at {price_text(crossed)}",
        limit="no own order at a price that crosses",
        code="SELF_TRADE",
    )


def _crossed(order: Part, use: Use) -> Decimal | None:
    quote = order.quote
    if quote is None:
        return None
    (con_id, ratio), *_ = order.contracts.items()
    own = use.asks.get(con_id) if ratio > 0 else use.bids.get(con_id)
    return own if own is not None and (quote >= own if ratio > 0 else quote <= own) else None


def price_text(price: Decimal) -> str:
    """A price, or that it is any."""
    return "the market" if price.is_infinite() else decimal_text(price)
