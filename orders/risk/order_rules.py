"""Rules that ask an order by itself: quantity, value, price, instrument, type, market. Pure, no I/O.

`order_checks` asks one scope's limits. All that are on are reported, none is skipped because another failed;
what is off is not reported and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from brokers.fix import OrdType, Side, TimeInForce
from brokers.formats import decimal_text
from orders.risk.catalogue import LimitSet
from orders.risk.form.contract import ContractRules, hours_of, is_open
from orders.risk.market import (
    BPS,
    Ages,
    Collar,
    Leg,
    age_text,
    collar_checks,
    is_priced,
    reference_price,
    value_price,
    why_unpriced,
)
from orders.risk.money import Rates, why_no_rate
from orders.risk.report import CheckResult, result
from orders.risk.restrictions import Effect, Restriction
from orders.risk.scopes import is_account
from orders.risk.terms import OrderTerms

#: The exchange takes no order for the closing auction in these last minutes (NYSE: 10, Nasdaq: 5).
CLOSING_CUT_OFF = timedelta(minutes=10)
CLOSING_TYPES = (OrdType.MOC, OrdType.LOC)


@dataclass(frozen=True, kw_only=True)
class OrderFacts:
    """One order with what must be known to judge it."""

    terms: OrderTerms
    instrument: str
    instrument_id: int
    #: What buying one unit buys (above zero) or sells of each contract: of a combination, its legs.
    contracts: Mapping[int, int]
    instrument_allowed: bool
    currency: str
    #: Units of currency that one unit of price is worth (of a future or an option, its multiplier).
    unit: Decimal
    legs: Sequence[Leg]
    now: datetime
    max_close_age: timedelta
    rates: Rates = field(default_factory=Rates)
    rules: ContractRules | None = None

    @property
    def worth(self) -> Decimal | None:
        """What the order is worth at most, in its own currency, at prices that no limit wants younger."""
        ages = Ages(now=self.now, market=self.max_close_age, close=self.max_close_age)
        known = value_price(self.terms, self.legs, ages)
        return None if known is None else self.terms.order_qty * known.px * self.unit

    def ages(self, limits: LimitSet) -> Ages:
        """How old prices may be for these limits."""
        market = self.max_close_age
        if limits.max_price_age_s is not None:
            market = min(timedelta(seconds=limits.max_price_age_s), market)
        return Ages(now=self.now, market=market, close=self.max_close_age)


def order_checks(facts: OrderFacts, limits: LimitSet) -> list[CheckResult]:
    """Every rule of this scope that is on."""
    found = _instrument(facts, limits)
    for rule in rules_on(limits.on):
        found += rule(facts, limits)
    return found


def lacks_price(facts: OrderFacts, limits: LimitSet) -> bool:
    """Whether a rule needs a price that is not there, or is too old."""
    ages = facts.ages(limits)
    valued = limits.max_notional is not None and not is_priced(facts.terms, facts.legs)
    if valued and value_price(facts.terms, facts.legs, ages) is None:
        return True
    return collar_of(limits).is_on and reference_price(facts.legs, facts.terms.side, ages) is None


def _instrument(facts: OrderFacts, limits: LimitSet) -> list[CheckResult]:
    """The account's list and its allowed rows; a restricted row of any scope is stronger than both."""
    about = _restrictions(facts, limits) if limits.restrictions else []
    found = [_restricted(facts, limits, row) for row in about if row.effect == Effect.RESTRICTED]
    if not is_account(limits.scope):
        return found
    listed = {con_id for row in about if row.effect == Effect.ALLOWED for con_id, _ in row.contracts}
    allowed = result(
        "allowed_instruments",
        passed=facts.instrument_allowed or (bool(facts.contracts) and facts.contracts.keys() <= listed),
        value=facts.instrument,
        limit="the account's list",
        code="INSTRUMENT_NOT_ALLOWED",
        scope=limits.scope,
    )
    return [allowed, *found]


def _restrictions(facts: OrderFacts, limits: LimitSet) -> list[Restriction]:
    """The rows that are about this order, or about a leg of it on the side to which it trades that."""
    sides = {1: facts.terms.side, -1: Side.SELL if facts.terms.side == Side.BUY else Side.BUY}
    found = [(row, row.direction_in(facts.instrument_id, facts.contracts)) for row in limits.restrictions]
    return [row for row, direction in found if direction and row.is_on(facts.now, sides[direction])]


def _restricted(facts: OrderFacts, limits: LimitSet, row: Restriction) -> CheckResult:
    side = f" to {row.side}" if row.side else ""
    until = f" until {row.ends_at:%Y-%m-%d %H:%M} UTC" if row.ends_at else ""
    return result(
        "restricted_instruments",
        passed=False,
        value=facts.instrument,
        limit=f"restricted{side}{until}: {row.reason}",
        code="INSTRUMENT_RESTRICTED",
        scope=limits.scope,
    )


def _quantity(facts: OrderFacts, limits: LimitSet) -> list[CheckResult]:
    """Of a combination that of its largest leg, and its own."""
    if limits.max_order_qty is None:
        return []
    ratio = max((1, *map(abs, facts.contracts.values())))
    quantity = facts.terms.order_qty * ratio
    leg = "" if ratio == 1 else f" of a leg, {ratio} for each of {decimal_text(facts.terms.order_qty)}"
    return [
        result(
            "max_order_qty",
            passed=quantity <= limits.max_order_qty,
            value=f"{decimal_text(quantity)}{leg}",
            limit=decimal_text(limits.max_order_qty),
            code="QTY_ABOVE_LIMIT",
            scope=limits.scope,
        )
    ]


def _notional(facts: OrderFacts, limits: LimitSet) -> list[CheckResult]:
    if limits.max_notional is None:
        return []
    ages, wanted = facts.ages(limits), limits.currency or facts.currency
    known = value_price(facts.terms, facts.legs, ages)
    passed, code = False, "NOTIONAL_ABOVE_LIMIT"
    if known is None:
        code, words = price_code(facts, limits), why_unpriced(facts.legs, ages)
    else:
        value = facts.terms.order_qty * known.px * facts.unit
        money = facts.rates.convert(value, facts.currency, wanted, ages)
        if money is None:
            code, words = "NO_EXCHANGE_RATE", why_no_rate(facts.currency, wanted)
        else:
            passed = money.amount <= limits.max_notional
            rate = "" if money.age is None else f", rate {age_text(money.age)} old"
            words = f"{decimal_text(round_money(money.amount))} (at {known}{rate})"
    limit = f"{decimal_text(limits.max_notional)} {limits.currency}".rstrip()
    return [result("max_notional", passed=passed, value=words, limit=limit, code=code, scope=limits.scope)]


def round_money(amount: Decimal) -> Decimal:
    """An amount as people read it: converted ones have many digits."""
    return amount if amount.as_tuple().exponent >= -4 else amount.quantize(Decimal("0.01"))  # type: ignore[operator]


def price_code(facts: OrderFacts, limits: LimitSet) -> str:
    """Whether there is no price, or one that the limit calls too old."""
    told = (
        price for leg in facts.legs for price in (leg.market.last_px, leg.market.bid_px, leg.market.ask_px)
    )
    known = any(price.px for price in told if price)
    return "PRICE_TOO_OLD" if known and limits.max_price_age_s is not None else "NO_REFERENCE_PRICE"


def _collar(facts: OrderFacts, limits: LimitSet) -> Iterator[CheckResult]:
    collar = collar_of(limits)
    if collar.is_on:
        unknown = price_code(facts, limits)
        for found in collar_checks(facts.terms, facts.legs, collar, facts.ages(limits)):
            code = unknown if found.code == "NO_REFERENCE_PRICE" else found.code
            yield result(
                found.check, passed=found.passed, value=found.value, limit=found.limit,
                code=code, scope=limits.scope,
            )  # fmt: skip


def _volume_share(facts: OrderFacts, limits: LimitSet) -> Iterator[CheckResult]:
    """Of each contract's average day; unknown is no refusal: most contracts have no such figure."""
    if limits.max_adv_share_bps is None:
        return
    shares = [
        facts.terms.order_qty * abs(leg.ratio) * BPS / leg.market.average_volume
        for leg in facts.legs
        if leg.market.average_volume
    ]
    share = max(shares, default=None)
    yield result(
        "max_adv_share_bps",
        passed=share is None or share <= limits.max_adv_share_bps,
        value="average volume not known" if share is None else f"{decimal_text(round(share, 1))} bps",
        limit=f"{limits.max_adv_share_bps} bps of an average day",
        code="ADV_SHARE_ABOVE_LIMIT",
        scope=limits.scope,
    )


def _ord_type(facts: OrderFacts, limits: LimitSet) -> Iterator[CheckResult]:
    if limits.allowed_ord_types is not None:
        yield result(
            "allowed_ord_types",
            passed=facts.terms.ord_type in limits.allowed_ord_types,
            value=facts.terms.ord_type,
            limit=", ".join(sorted(limits.allowed_ord_types)) or "none",
            code="ORD_TYPE_NOT_ALLOWED",
            scope=limits.scope,
        )


def _market_state(facts: OrderFacts, limits: LimitSet) -> Iterator[CheckResult]:
    """Open, not halted, and before the cut-off of its auction, by the contract's own hours."""
    if not limits.refuse_closed_market or facts.rules is None:
        return
    why, code = _why_closed(facts.terms, facts.rules, facts.legs, facts.now)
    yield result(
        "refuse_closed_market",
        passed=not why,
        value=why or "open",
        limit="an open market",
        code=code,
        scope=limits.scope,
    )


def _why_closed(
    terms: OrderTerms, rules: ContractRules, legs: Collection[Leg], now: datetime
) -> tuple[str, str]:
    if any(leg.market.halted and leg.market.halted > 0 for leg in legs):
        return "halted", "MARKET_HALTED"
    hours = hours_of(terms, rules)
    if not hours:
        return "its hours are not known", "MARKET_CLOSED"
    if terms.time_in_force == TimeInForce.OPG:
        return ("open already", "MARKET_CLOSED") if is_open(rules.liquid_hours, now) else ("", "")
    if not is_open(hours, now):
        return "closed", "MARKET_CLOSED"
    if terms.ord_type in CLOSING_TYPES and not is_open(hours, now + CLOSING_CUT_OFF):
        return "past the cut-off of the closing auction", "MARKET_CLOSED"
    return "", ""


def collar_of(limits: LimitSet) -> Collar:
    """How far from the market prices may be."""
    through, away = limits.max_price_deviation_bps, limits.max_price_distance_bps
    return Collar(
        through_bps=None if through is None else Decimal(through),
        away_bps=None if away is None else Decimal(away),
    )


Rule = Callable[[OrderFacts, LimitSet], Iterable[CheckResult]]
#: Each rule with the limits of which one must be on for it to say anything.
RULES: tuple[tuple[Rule, frozenset[str]], ...] = (
    (_quantity, frozenset({"max_order_qty"})),
    (_notional, frozenset({"max_notional"})),
    (_collar, frozenset({"max_price_deviation_bps", "max_price_distance_bps"})),
    (_volume_share, frozenset({"max_adv_share_bps"})),
    (_ord_type, frozenset({"allowed_ord_types"})),
    (_market_state, frozenset({"refuse_closed_market"})),
)


@lru_cache(maxsize=512)
def rules_on(on: frozenset[str]) -> tuple[Rule, ...]:
    """The rules that say something where just these limits are on."""
    return tuple(rule for rule, names in RULES if names & on)
