"""Rules on a scope's money and day: exposure, value and count of orders, loss, ratio, repeats, shorts. Pure.

What a scope does already comes as `Use`; `Valuation` tells what its contracts are worth. An intention that
makes no position larger is not asked for exposure and loss: closing is always allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from brokers.fix import Side
from brokers.formats import decimal_text
from orders.risk.catalogue import FIELDS, LimitSet, ShortSales, Unit
from orders.risk.intention import ZERO, Intention, Part, owner_of
from orders.risk.market import Ages, Market, age_text, worst
from orders.risk.market import Leg as MarketLeg
from orders.risk.money import Rates, why_no_rate
from orders.risk.order_rules import round_money
from orders.risk.report import CheckResult, result
from orders.risk.scopes import FIRM
from orders.risk.use import Day, Use, asks

#: The broker tells the day's profit about once a second: this is not the present one any more.
PROFIT_AGE = timedelta(minutes=10)
#: Rules that need all positions of the scope, not only those that an intention touches.
EXPOSURES = ("max_gross_notional", "max_net_notional")
#: Rules that need to know what contracts are, and those that need exchange rates.
ON_CONTRACTS = (*EXPOSURES, "short_sales")
IN_MONEY = (*EXPOSURES, "max_daily_notional", "max_daily_loss")


@dataclass(frozen=True, kw_only=True)
class ContractFacts:
    """What one contract is worth: its market, units of currency for a unit of price, its currency."""

    market: Market
    unit: Decimal
    currency: str
    is_share: bool = False


@dataclass(frozen=True)
class DayProfit:
    """An account's realised and unrealised profit of the day as the broker tells it; None: it does not."""

    amount: Decimal | None
    currency: str
    at: datetime


@dataclass(frozen=True)
class Unknown:
    """An amount that cannot be told: why, and by which reason it refuses."""

    why: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Valuation:
    """Prices, rates and profits by which a scope's positions are told in a limit's currency."""

    now: datetime
    max_age: timedelta
    contracts: Mapping[int, ContractFacts] = field(default_factory=dict)
    rates: Rates = field(default_factory=Rates)
    profits: Mapping[str, DayProfit] = field(default_factory=dict)
    #: The accounts of the firm, whose profit is the sum of theirs.
    firm: Collection[str] = ()

    @property
    def ages(self) -> Ages:
        """How old prices may be; positions in closed markets are worth their last price."""
        return Ages(now=self.now, market=self.max_age, close=self.max_age)

    def unit_worth(self, con_id: int, limits: LimitSet) -> Decimal | Unknown:
        """One unit of a contract in the currency of the limits."""
        facts = self.contracts.get(con_id)
        known = worst([MarketLeg(market=facts.market)], self.ages) if facts else None
        if facts is None or known is None:
            return Unknown(f"no price of contract {con_id} that is young enough", "NO_REFERENCE_PRICE")
        return self.money(known.px * facts.unit, facts.currency, limits)

    def money(self, amount: Decimal, currency: str, limits: LimitSet) -> Decimal | Unknown:
        """An amount in the currency of the limits."""
        found = self.rates.convert(amount, currency, limits.currency, self.ages)
        if found is None or not limits.currency:
            return Unknown(why_no_rate(currency, limits.currency), "NO_EXCHANGE_RATE")
        return found.amount


def exposure_checks(
    intention: Intention, limits: LimitSet, use: Use, valuation: Valuation
) -> Iterator[CheckResult]:
    """Every rule of this scope that is on, in the catalogue's order."""
    grows = any(after > before for before, after in _largest(intention, limits, use))
    yield from _short_sales(intention, limits, use, valuation)
    if grows:
        yield from _exposures(intention, limits, use, valuation)
    yield from _day(intention, limits, use, valuation)
    if grows and limits.max_daily_loss is not None:
        yield _loss(limits, valuation, intention.account)


# --- exposure -----------------------------------------------------------------------------------------
def _largest(intention: Intention, limits: LimitSet, use: Use) -> Iterator[tuple[Decimal, Decimal]]:
    """How large each position of the intention may become at worst, before it and with it."""
    owner, bought, sold = owner_of(limits.scope), intention.bought(1), intention.bought(-1)
    for con_id in bought.keys() | sold.keys():
        high, low = use.longs.get((owner, con_id), ZERO), use.shorts.get((owner, con_id), ZERO)
        after = max(high + bought.get(con_id, ZERO), sold.get(con_id, ZERO) - low)
        yield max(high, -low), after


def _exposures(
    intention: Intention, limits: LimitSet, use: Use, valuation: Valuation
) -> Iterator[CheckResult]:
    if not asks([limits], *EXPOSURES):
        return
    totals = _totals(intention, limits, use, valuation)
    for check in EXPOSURES:
        limit = getattr(limits, check)
        if limit is None:
            continue
        if isinstance(totals, Unknown):
            yield _not_told(check, limits, totals)
            continue
        before, after = totals[check]
        text = f"{_money(after)} if all that works is filled"
        yield _told(check, limits, text, passed=after <= limit or after <= before)


def _totals(
    intention: Intention, limits: LimitSet, use: Use, valuation: Valuation
) -> dict[str, tuple[Decimal, Decimal]] | Unknown:
    """Gross and net exposure at worst, (before the intention, with it)."""
    owner, bought, sold = owner_of(limits.scope), intention.bought(1), intention.bought(-1)
    contracts = {con for own, con in (*use.longs, *use.shorts) if own == owner} | bought.keys() | sold.keys()
    gross, high_net, low_net = [ZERO, ZERO], [ZERO, ZERO], [ZERO, ZERO]
    for con_id in contracts:
        high, low = use.longs.get((owner, con_id), ZERO), use.shorts.get((owner, con_id), ZERO)
        levels = (high, low), (high + bought.get(con_id, ZERO), low - sold.get(con_id, ZERO))
        if not any(quantity for level in levels for quantity in level):
            continue
        worth = valuation.unit_worth(con_id, limits)
        if isinstance(worth, Unknown):
            return worth
        for when, (long, short) in enumerate(levels):
            gross[when] += max(long, -short) * worth
            high_net[when] += long * worth
            low_net[when] -= short * worth
    side = high_net if high_net[1] >= low_net[1] else low_net
    return {"max_gross_notional": (gross[0], gross[1]), "max_net_notional": (side[0], side[1])}


# --- the day ------------------------------------------------------------------------------------------
def _day(intention: Intention, limits: LimitSet, use: Use, valuation: Valuation) -> Iterator[CheckResult]:
    owner = owner_of(limits.scope)
    day = use.days.get(owner) or Day()  # nothing yet
    if limits.max_daily_notional is not None:
        yield _daily_notional(intention, limits, day.notional, valuation)
    if limits.max_daily_orders is not None:
        count = day.orders + intention.new_orders
        yield _told("max_daily_orders", limits, str(count), passed=count <= limits.max_daily_orders)
    if limits.max_order_to_trade is not None:
        messages = day.messages + len(intention.orders)
        ratio = Decimal(messages) / (day.executed + 1)
        text = f"{decimal_text(round(ratio, 2))}: {messages} messages, {day.executed} executed orders"
        yield _told("max_order_to_trade", limits, text, passed=ratio <= limits.max_order_to_trade)
    if limits.max_repeated_executions is not None:
        times = max((use.repeats(order.content, owner) for order in intention.orders), default=0)
        text, passed = f"executed {times} times today", times < limits.max_repeated_executions
        yield _told("max_repeated_executions", limits, text, passed=passed)


def _daily_notional(
    intention: Intention, limits: LimitSet, so_far: Mapping[str, Decimal], valuation: Valuation
) -> CheckResult:
    limit = limits.max_daily_notional
    assert limit is not None  # noqa: S101
    added = intention.value()
    if added is None:
        unknown = Unknown("the order's value is not known", "NO_REFERENCE_PRICE")
        return _not_told("max_daily_notional", limits, unknown)
    total = ZERO
    for currency, amount in (*so_far.items(), *added.items()):
        money = valuation.money(amount, currency, limits)
        if isinstance(money, Unknown):
            return _not_told("max_daily_notional", limits, money)
        total += money
    adds_nothing = not any(added.values())
    return _told("max_daily_notional", limits, _money(total), passed=total <= limit or adds_nothing)


def _loss(limits: LimitSet, valuation: Valuation, account: str) -> CheckResult:
    profit, limit = day_profit(limits, valuation, account), limits.max_daily_loss
    assert limit is not None  # noqa: S101
    if isinstance(profit, Unknown):
        return _not_told("max_daily_loss", limits, profit)
    return _told("max_daily_loss", limits, f"profit {_money(profit)}", passed=-profit < limit)


def day_profit(limits: LimitSet, valuation: Valuation, account: str) -> Decimal | Unknown:
    """Of the account, of the firm over all its accounts; known only where the figure of each one is."""
    total = ZERO
    for code in sorted(valuation.firm) if limits.scope == FIRM else [account]:
        profit = valuation.profits.get(code)
        if profit is None or profit.amount is None:
            return Unknown(f"not told for {code}", "DAILY_LOSS_UNKNOWN")
        age = valuation.now - profit.at
        if age > PROFIT_AGE:
            return Unknown(f"last told for {code} {age_text(age)} ago", "DAILY_LOSS_UNKNOWN")
        money = valuation.money(profit.amount, profit.currency, limits)
        if isinstance(money, Unknown):
            return money
        total += money
    return total


# --- short sales --------------------------------------------------------------------------------------
def _short_sales(
    intention: Intention, limits: LimitSet, use: Use, valuation: Valuation
) -> Iterator[CheckResult]:
    """A sale of shares beyond what the account holds, with all that already works on that side."""
    if limits.short_sales is None:
        return
    sold = intention.bought(-1)
    for order in intention.orders:
        for con_id in _shares_sold(order, valuation):
            key = intention.account, con_id
            short = -(use.shorts.get(key, ZERO) - sold.get(con_id, ZERO))
            if short <= 0 and order.side != Side.SELL_SHORT:
                continue
            why = _why_not_short(order, con_id, short, limits.short_sales, valuation)
            text = why or f"short {decimal_text(max(short, ZERO))} if all that works is filled"
            yield _told("short_sales", limits, text, passed=not why)


def _shares_sold(order: Part, valuation: Valuation) -> Iterable[int]:
    if order.closes or not order.quantity:
        return []
    sold = [con_id for con_id, ratio in order.contracts.items() if ratio < 0]
    return [con for con in sold if (facts := valuation.contracts.get(con)) and facts.is_share]


def _why_not_short(order: Part, con_id: int, short: Decimal, permission: str, valuation: Valuation) -> str:
    """Why it may not be sold short; empty when it may."""
    text = f"short {decimal_text(max(short, ZERO))} of contract {con_id}"
    if permission == ShortSales.NONE:
        return text
    if permission == ShortSales.ALLOWED or order.locate:
        return ""
    shares = valuation.contracts[con_id].market.shortable_shares
    if shares is None:
        return f"{text}, no locate, and shares to borrow are not known"
    return "" if shares >= short else f"{text}, no locate, and {decimal_text(shares)} shares to borrow"


# --- words --------------------------------------------------------------------------------------------
def _money(amount: Decimal) -> str:
    return decimal_text(round_money(amount))


def _told(check: str, limits: LimitSet, value: str, *, passed: bool, code: str = "") -> CheckResult:
    """A value against this limit; without a code, the limit's own refuses."""
    known = FIELDS[check]
    text = known.text(getattr(limits, check))
    if known.unit == Unit.MONEY:
        text = f"{text} {limits.currency}".rstrip()
    return result(check, passed=passed, value=value, limit=text, code=code or known.code, scope=limits.scope)


def _not_told(check: str, limits: LimitSet, unknown: Unknown) -> CheckResult:
    """An amount that cannot be told passes no limit."""
    return _told(check, limits, unknown.why, passed=False, code=unknown.code)
