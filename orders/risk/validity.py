"""Rules of form: is this an order that could be placed at all? Pure functions, no I/O."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Protocol

from brokers.fix import OrdType, TimeInForce


class Rules(Protocol):
    """What the broker says about the instrument."""

    min_tick: Decimal | None
    min_size: Decimal
    size_increment: Decimal


class Terms(Protocol):
    """The part of a ticket that the rules look at."""

    @property
    def order_qty(self) -> Decimal: ...
    @property
    def ord_type(self) -> OrdType: ...
    @property
    def time_in_force(self) -> TimeInForce: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def stop_px(self) -> Decimal | None: ...


Errors = dict[str, list[str]]


def form_errors(terms: Terms, rules: Rules) -> Errors:
    """Every rule that the terms break, by field; empty when they keep all."""
    errors: Errors = defaultdict(list)
    _check_price(errors, "price", terms.price, terms.ord_type, needed=terms.ord_type.has_price)
    _check_price(errors, "stop_px", terms.stop_px, terms.ord_type, needed=terms.ord_type.has_stop_px)
    for name, px in (("price", terms.price), ("stop_px", terms.stop_px)):
        if px is not None and px > 0:
            _check_tick(errors, name, px, rules)
    _check_size(errors, terms.order_qty, rules)
    _check_time_in_force(errors, terms)
    return dict(errors)


def _check_price(errors: Errors, name: str, px: Decimal | None, ord_type: OrdType, *, needed: bool) -> None:
    if needed and px is None:
        errors[name].append(f"A {ord_type} order needs {name}.")
    elif not needed and px is not None:
        errors[name].append(f"A {ord_type} order takes no {name}.")
    elif px is not None and px <= 0:
        errors[name].append("Must be above zero.")


def _check_tick(errors: Errors, name: str, px: Decimal, rules: Rules) -> None:
    if rules.min_tick is not None and px % rules.min_tick != 0:
        errors[name].append(f"Must be a multiple of the tick {rules.min_tick.normalize():f}.")


def _check_size(errors: Errors, order_qty: Decimal, rules: Rules) -> None:
    if order_qty <= 0:
        errors["order_qty"].append("Must be above zero.")
    elif order_qty < rules.min_size:
        errors["order_qty"].append(f"Must be at least {rules.min_size.normalize():f}.")
    elif order_qty % rules.size_increment != 0:
        errors["order_qty"].append(f"Must be a multiple of {rules.size_increment.normalize():f}.")


def _check_time_in_force(errors: Errors, terms: Terms) -> None:
    at_once = terms.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    if at_once and terms.ord_type.has_stop_px:
        errors["time_in_force"].append(f"{terms.time_in_force} can not go with a {terms.ord_type} order.")
