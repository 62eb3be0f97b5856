"""The contract's own rules, as the broker states them: ticks, sizes, order types, hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from brokers.fix import SecType
from orders.risk.form.kinds import IMMEDIATE
from orders.risk.terms import OrderTerms

Errors = dict[str, list[str]]

PRICES = ("price", "stop_px")
DISTANCES = ("trail_amount", "limit_offset", "peg_offset")
#: Hours are given in whole minutes, the end one not included or "2359": two that touch are one.
SEAM = timedelta(minutes=1)


class ContractRules(Protocol):
    """What the broker says about the instrument; None and empty mean not said."""

    sec_type: str
    min_tick: Decimal | None
    min_size: Decimal
    size_increment: Decimal
    #: [lower edge, tick from there upwards], as decimal texts, rising; the edge counts.
    price_bands: list[list[str]]
    #: Words of OrdType, TimeInForce and of ATTRIBUTES that the instrument's exchanges take.
    order_types: list[str]
    #: [start, end] in ISO 8601, UTC, of the next days.
    liquid_hours: list[list[str]]
    trading_hours: list[list[str]]


#: What the broker calls permission for a field, and whether a ticket uses it.
ATTRIBUTES: dict[str, tuple[str, Callable[[OrderTerms], bool]]] = {
    "ALL_OR_NONE": ("all_or_none", lambda terms: terms.all_or_none),
    "DISPLAY_QTY": ("display_qty", lambda terms: terms.display_qty is not None),
    "CONDITIONS": ("conditions", lambda terms: bool(terms.conditions)),
    "ALGO": ("algo", lambda terms: terms.algo is not None),
}


def check_contract(errors: Errors, terms: OrderTerms, rules: ContractRules, now: datetime) -> None:
    """Note every rule of the contract that the terms break."""
    for name in PRICES:
        px: Decimal | None = getattr(terms, name)
        if px is not None and px != 0 and name not in errors:
            _check_tick(errors, name, px, tick_at(rules, abs(px)))
    for name in DISTANCES:
        distance: Decimal | None = getattr(terms, name)
        if distance and name not in errors:
            _check_tick(errors, name, distance, _finest_tick(rules))
    size = terms.order_qty
    if 0 < size < rules.min_size:
        errors["order_qty"].append(f"Must be at least {rules.min_size.normalize():f}, not {size:f}.")
    elif size > 0 and rules.size_increment and size % rules.size_increment != 0:
        step = f"{rules.size_increment.normalize():f}"
        errors["order_qty"].append(f"Must be a multiple of {step}, {size.normalize():f} is not.")
    _check_taken(errors, terms, rules)
    _check_open(errors, terms, rules, now)


def tick_at(rules: ContractRules, px: Decimal) -> Decimal | None:
    """The price step at this price: that of the highest band it reaches, else the smallest tick."""
    tick = rules.min_tick
    for edge, step in rules.price_bands:
        if px >= Decimal(edge):
            tick = Decimal(step)
    return tick


def _finest_tick(rules: ContractRules) -> Decimal | None:
    steps = [Decimal(step) for _, step in rules.price_bands]
    return min(steps, default=rules.min_tick)


def _check_tick(errors: Errors, name: str, px: Decimal, tick: Decimal | None) -> None:
    if tick and px % tick != 0:
        errors[name].append(
            f"Must be a multiple of the tick {tick.normalize():f}, {px.normalize():f} is not."
        )


def _check_taken(errors: Errors, terms: OrderTerms, rules: ContractRules) -> None:
    """Order types and attributes that the instrument's exchanges take, where the broker lists them."""
    if not rules.order_types or rules.sec_type == SecType.BAG:
        return
    if terms.ord_type not in rules.order_types:
        listed = ", ".join(rules.order_types)
        errors["ord_type"].append(f"{terms.ord_type} is not taken for this instrument, only {listed}.")
    if terms.time_in_force not in rules.order_types:
        errors["time_in_force"].append(f"{terms.time_in_force} is not taken for this instrument.")
    for word, (name, used) in ATTRIBUTES.items():
        if used(terms) and word not in rules.order_types:
            errors[name].append(f"{name} is not taken for this instrument.")


def _check_open(errors: Errors, terms: OrderTerms, rules: ContractRules, now: datetime) -> None:
    """An order that must trade at once needs an open market; any other waits for it at the broker."""
    if terms.time_in_force not in IMMEDIATE:
        return
    hours = hours_of(terms, rules)
    spans = _spans(hours)
    # Hours of former days say nothing about today.
    if not spans or max(end for _, end in spans) <= now or is_open(hours, now):
        return
    later = [start for start, _ in spans if start > now]
    opens = f"it opens at {min(later):%Y-%m-%d %H:%M} UTC" if later else "when it opens is not known"
    errors["time_in_force"].append(f"{terms.time_in_force} needs an open market; {opens}.")


def hours_of(terms: OrderTerms, rules: ContractRules) -> list[list[str]]:
    """The hours in which an order of these terms may trade."""
    return rules.trading_hours if terms.outside_regular_hours else rules.liquid_hours


def is_open(hours: Sequence[Sequence[str]], now: datetime) -> bool:
    """Whether the market trades at this time."""
    return any(start <= now < end + SEAM for start, end in _spans(hours))


def _spans(hours: Sequence[Sequence[str]]) -> list[tuple[datetime, datetime]]:
    read = datetime.fromisoformat
    return [(read(start).astimezone(UTC), read(end).astimezone(UTC)) for start, end in hours]
