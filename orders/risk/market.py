"""What an order is worth, and what the market says about its price: by prices with their age. Pure.

A single instrument is a combination of one leg, so that both are valued and collared by the same steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from brokers.fix import OrdType, Side
from brokers.formats import decimal_text
from orders.risk.report import CheckResult, result
from orders.risk.terms import OrderTerms

BPS = Decimal(10_000)
#: What triggers on the better side of the market: a buy when it falls to the price.
IF_TOUCHED = (OrdType.MIT, OrdType.LIT)
#: The limit works only once the stop has triggered, so the market is then where the stop is.
LIMIT_AFTER_STOP = (OrdType.STOP_LIMIT, OrdType.LIT)


class Priced(Protocol):
    """The terms by which an order is valued."""

    @property
    def side(self) -> str: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def stop_px(self) -> Decimal | None: ...


class Price(NamedTuple):
    """A price that the broker told, and when; a time that is not known makes it useless."""

    px: Decimal
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Market:
    """What the broker last told of one contract."""

    bid_px: Price | None = None
    ask_px: Price | None = None
    last_px: Price | None = None
    close_px: Price | None = None
    #: Of an average day; what can be borrowed to be sold short; whether trading is halted. None: not told.
    average_volume: Decimal | None = None
    shortable_shares: Decimal | None = None
    halted: int | None = None


NO_MARKET = Market()


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One contract of what is ordered; `ratio` is below zero where buying the whole sells it."""

    market: Market
    ratio: Decimal = Decimal(1)


@dataclass(frozen=True, kw_only=True)
class Ages:
    """How old prices may be: those of the market, and the close that stands in for it; `now` to reckon by."""

    now: datetime
    market: timedelta
    close: timedelta

    def of_young(self, price: Price | None, *, close: bool = False) -> timedelta | None:
        """The age of a price by which an order may be judged, else None; brokers tell zero where is none."""
        if price is None or price.at is None or price.px == 0:
            return None
        age = self.now - price.at
        return age if age <= (self.close if close else self.market) else None


@dataclass(frozen=True, kw_only=True)
class Known:
    """A price with where it is from; `age` of the oldest that went into it."""

    source: str
    px: Decimal
    age: timedelta | None = None

    def __str__(self) -> str:
        age = "" if self.age is None else f", {age_text(self.age)} old"
        return f"{self.source} {decimal_text(self.px)}{age}"


def age_text(age: timedelta) -> str:
    """An age in the unit that people use for it."""
    seconds = max(age.total_seconds(), 0)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7_200 else f"{seconds / 3_600:.0f} hours"


# --- value --------------------------------------------------------------------------------------------
def value_price(terms: Priced, legs: Sequence[Leg], ages: Ages) -> Known | None:
    """What one unit is worth at most, never below zero; None where only the market can tell and does not.

    A buy costs its limit at most. A sell at a low limit executes at the market, and what waits for a stop
    may: they are worth the more of both. A combination's price says nothing about what its legs are worth.
    """
    if is_priced(terms, legs) and terms.price is not None:
        return Known(source="price", px=abs(terms.price))
    market = worst(legs, ages)
    if market is None:
        return None
    own = [
        Known(source=name, px=abs(px))
        for name, px in (("price", terms.price), ("stop_px", terms.stop_px))
        if px is not None
    ]
    return max([market, *own], key=lambda known: known.px)


def is_priced(terms: Priced, legs: Sequence[Leg]) -> bool:
    """Whether its own limit says what it may cost at most."""
    return terms.side == Side.BUY and terms.price is not None and len(legs) == 1


def worst(legs: Sequence[Leg], ages: Ages) -> Known | None:
    """The most that a unit is worth by bid, ask and last: of a combination all its legs, added up."""
    found = []
    for leg in legs:
        young = [
            Known(source=name, px=abs(price.px), age=age)
            for name in ("last_px", "bid_px", "ask_px")
            if (price := getattr(leg.market, name)) and (age := ages.of_young(price)) is not None
        ]
        if not young:
            return None
        found.append((max(young, key=lambda known: known.px), abs(leg.ratio)))
    return _sum(found)


def why_unpriced(legs: Sequence[Leg], ages: Ages) -> str:
    """Why nothing may be valued by the market; empty when it may."""
    if worst(legs, ages) is not None:
        return ""
    lacking = next(leg.market for leg in legs if worst([leg], ages) is None)
    told = [price for price in (lacking.last_px, lacking.bid_px, lacking.ask_px) if price and price.px]
    if not told:
        return "no price known"
    newest = max(told, key=lambda price: (price.at is not None, price.at))
    old = "of unknown age" if newest.at is None else f"{age_text(ages.now - newest.at)} old"
    most = age_text(ages.market)
    return f"the last price {decimal_text(newest.px)} is {old}, at most {most} are allowed"


def _sum(parts: Sequence[tuple[Known, Decimal]]) -> Known:
    """Prices times ratios, as old as the oldest."""
    ages = [known.age for known, _ in parts if known.age is not None]
    px = sum((known.px * ratio for known, ratio in parts), Decimal(0))
    source = parts[0][0].source if len(parts) == 1 else "legs"
    return Known(source=source, px=px, age=max(ages, default=None))


# --- collar -------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Collar:
    """How far from the market a price may be, in basis points of it.

    `through`: on the side on which it executes at once. `away`: on the other, where it may never execute;
    None leaves that side open, since resting orders and protective stops are far away on purpose.
    """

    through_bps: Decimal | None = None
    away_bps: Decimal | None = None

    @property
    def is_on(self) -> bool:
        """Whether prices are held against the market at all."""
        return self.through_bps is not None or self.away_bps is not None


@dataclass(frozen=True)
class _Distance:
    """How far a price is through the market (positive) or away from it, in money of one unit."""

    name: str
    px: Decimal
    through: Decimal
    reference: Known
    base: Decimal  # what a basis point is of

    @property
    def bps(self) -> Decimal:
        return self.through * BPS / self.base if self.base else Decimal("Infinity") * (self.through or 1)


def collar_checks(terms: OrderTerms, legs: Sequence[Leg], collar: Collar, ages: Ages) -> list[CheckResult]:
    """The prices of an order against the market; no market to compare with is a refusal, never a pass."""
    if not collar.is_on:
        return []
    reference = reference_price(legs, terms.side, ages)
    if reference is None:
        return [
            _collar(passed=False, value=why_unpriced(legs, ages) or "no price known", limit=_band(collar))
        ]
    distances = list(_distances(terms, legs, reference, ages))
    if not distances:
        return [_collar(passed=True, value=f"at the market, {reference}", limit=_band(collar))]
    return [_judged(distance, collar) for distance in distances]


def _judged(distance: _Distance, collar: Collar) -> CheckResult:
    bps = distance.bps
    side = "through" if bps > 0 else "away from"
    limit = collar.through_bps if bps > 0 else collar.away_bps
    far = decimal_text(abs(bps).quantize(Decimal("0.1"))) if bps.is_finite() else "infinitely many"
    value = f"{distance.name} {decimal_text(distance.px)} is {far} bps {side} {distance.reference}"
    return _collar(
        passed=bps == 0 or limit is None or abs(bps) <= limit,
        value=value,
        limit=_band(collar),
        code="PRICE_OUTSIDE_COLLAR",
    )


def _collar(*, passed: bool, value: str, limit: str, code: str = "NO_REFERENCE_PRICE") -> CheckResult:
    return result("max_price_deviation_bps", passed=passed, value=value, limit=limit, code=code)


def _band(collar: Collar) -> str:
    bands = (("through", collar.through_bps), ("away", collar.away_bps))
    return ", ".join(f"{decimal_text(bps)} bps {side}" for side, bps in bands if bps is not None)


def _distances(terms: OrderTerms, legs: Sequence[Leg], reference: Known, ages: Ages) -> Iterable[_Distance]:
    """Which prices of the order are compared, and with what."""
    sign = 1 if terms.side == Side.BUY else -1
    base = _base(legs, reference, ages)
    if terms.stop_px is not None:
        # A buy stop below the market, or a buy "if touched" above it, triggers at once.
        trigger = sign if terms.ord_type in IF_TOUCHED else -sign
        through = trigger * (terms.stop_px - reference.px)
        yield _Distance("stop_px", terms.stop_px, through, reference, base)
    if terms.price is not None and terms.ord_type in LIMIT_AFTER_STOP and terms.stop_px is not None:
        then = Known(source="stop_px", px=terms.stop_px)
        yield _Distance("price", terms.price, sign * (terms.price - then.px), then, abs(then.px))
    elif terms.price is not None:
        yield _Distance("price", terms.price, sign * (terms.price - reference.px), reference, base)
    if terms.limit_offset is not None and reference.px:
        yield _Distance("limit_offset", terms.limit_offset, abs(terms.limit_offset), reference, base)
    if terms.price is None and (peg := _peg(terms, reference)) is not None:
        yield _Distance("peg", peg, peg, reference, base)  # no cap holds it: it goes that far through
    if terms.price is None and terms.stop_px is None and terms.limit_offset is None:
        yield from _touch_distance(legs, reference, sign, base, ages)


def _peg(terms: OrderTerms, reference: Known) -> Decimal | None:
    """How far a relative order goes beyond the best price of its own side; None for all others."""
    if terms.peg_percent is not None:
        return terms.peg_percent / 100 * abs(reference.px)
    return terms.peg_offset


def _touch_distance(
    legs: Sequence[Leg], reference: Known, sign: int, base: Decimal, ages: Ages
) -> Iterable[_Distance]:
    """An order without a price executes at the other side's: that is held against the last trade."""
    last = _side_sum(legs, ("last_px", "last_px"), ages)
    if reference.source in ("ask_px", "bid_px", "legs") and last is not None:
        yield _Distance(reference.source, reference.px, sign * (reference.px - last.px), last, base)


def reference_price(legs: Sequence[Leg], side: Side, ages: Ages) -> Known | None:
    """What a price is held against: the side it would execute at, else the last trade, else the close."""
    touch = ("ask_px", "bid_px") if side == Side.BUY else ("bid_px", "ask_px")
    return _side_sum(legs, touch, ages)


def _side_sum(legs: Sequence[Leg], touch: tuple[str, str], ages: Ages) -> Known | None:
    """What a unit costs; `touch`: the price of a leg in the order's sense, and of one in the other."""
    parts = []
    for leg in legs:
        known = _best(leg.market, touch[0] if leg.ratio > 0 else touch[1], ages)
        if known is None:
            return None
        parts.append((known, leg.ratio))
    return _sum(parts)


def _best(market: Market, side: str, ages: Ages) -> Known | None:
    for name in (side, "last_px", "close_px"):
        price: Price | None = getattr(market, name)
        age = ages.of_young(price, close=name == "close_px")
        if price and age is not None:
            return Known(source=name, px=price.px, age=age)
    return None


def _base(legs: Sequence[Leg], reference: Known, ages: Ages) -> Decimal:
    """Basis points of a combination are of all its legs: its own price may be zero."""
    if len(legs) == 1:
        return abs(reference.px)
    whole = worst(legs, ages)
    return whole.px if whole else abs(reference.px)
