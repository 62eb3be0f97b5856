"""Rules of form: is this an order that could be placed at all? Pure functions, no I/O.

What a kind of order needs is in `kinds`; what the contract itself demands comes with the instrument.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from brokers.fix import OrdType, SecType, Side, TimeInForce
from orders.risk.form.attributes import check_algo, check_conditions
from orders.risk.form.contract import ContractRules, Errors, check_contract
from orders.risk.form.kinds import (
    COMBO_TYPES,
    IMMEDIATE,
    KIND_FIELDS,
    KINDS,
    OUTSIDE_HOURS_TYPES,
    SHORT_SEC_TYPES,
)
from orders.risk.terms import OrderTerms


def form_errors(terms: OrderTerms, rules: ContractRules, now: datetime) -> Errors:
    """Every rule that the terms break, by field; empty when they keep all. `now` is UTC."""
    errors: Errors = defaultdict(list)
    _check_kind(errors, terms)
    _check_numbers(errors, terms, rules)
    _check_times(errors, terms, now)
    _check_fit(errors, terms, rules)
    if terms.conditions:
        check_conditions(errors, terms, now)
    if terms.algo is not None:
        check_algo(errors, terms, now)
    check_contract(errors, terms, rules, now)
    return dict(errors)


def _check_kind(errors: Errors, terms: OrderTerms) -> None:
    """The fields that the order type needs, and no others."""
    kind = KINDS[terms.ord_type]
    given = {name for name in KIND_FIELDS if getattr(terms, name) is not None}
    for name in kind.needs:
        if name not in given:
            errors[name].append(f"A {terms.ord_type} order needs {name}.")
    for name in sorted(given - {*kind.needs, *kind.one_of, *kind.may}):
        errors[name].append(f"A {terms.ord_type} order takes no {name}.")
    if kind.one_of and len(given & set(kind.one_of)) != 1:
        errors[kind.one_of[0]].append(f"A {terms.ord_type} order needs one of {' and '.join(kind.one_of)}.")
    if terms.time_in_force not in kind.times:
        words = ", ".join(kind.times)
        errors["time_in_force"].append(
            f"{terms.time_in_force} cannot go with a {terms.ord_type} order, only {words}."
        )


def _check_numbers(errors: Errors, terms: OrderTerms, rules: ContractRules) -> None:
    """Only a combination has prices of zero and below: a credit. Only a peg may have no distance."""
    for name in KIND_FIELDS:
        value = getattr(terms, name)
        if value is None or (name == "price" and rules.sec_type == SecType.BAG):
            continue
        if value < 0 or (value == 0 and name not in ("peg_offset", "peg_percent", "limit_offset")):
            errors[name].append("Must be above zero.")
    for name in ("trail_percent", "peg_percent"):
        percent = getattr(terms, name)
        if percent is not None and percent >= 100:
            errors[name].append("Must be below 100 percent.")
    if terms.order_qty <= 0:
        errors["order_qty"].append("Must be above zero.")
    for name in ("display_qty", "min_qty"):
        size: Decimal | None = getattr(terms, name)
        if size is None:
            continue
        if not 0 < size <= terms.order_qty:
            errors[name].append(f"Must be above zero and at most order_qty, {terms.order_qty:f}.")
        elif size != int(size):
            errors[name].append("Must be a whole number.")
        elif terms.all_or_none:
            errors["all_or_none"].append(f"All or none cannot go with {name}.")


def _check_times(errors: Errors, terms: OrderTerms, now: datetime) -> None:
    wants_end = terms.time_in_force == TimeInForce.GTD
    if wants_end and terms.expire_time is None:
        errors["expire_time"].append("A GTD order needs expire_time.")
    elif not wants_end and terms.expire_time is not None:
        errors["expire_time"].append(f"A {terms.time_in_force} order takes no expire_time, only GTD does.")
    elif terms.expire_time is not None and terms.expire_time <= now:
        errors["expire_time"].append(f"{terms.expire_time.isoformat()} is in the past.")
    if terms.effective_time is None:
        return
    if terms.time_in_force in (*IMMEDIATE, TimeInForce.OPG):
        errors["effective_time"].append(f"A {terms.time_in_force} order cannot wait for a time.")
    if terms.expire_time and terms.effective_time >= terms.expire_time:
        errors["effective_time"].append("Must be before expire_time.")


def _check_fit(errors: Errors, terms: OrderTerms, rules: ContractRules) -> None:
    """What does not go together with this kind of instrument or order."""
    if terms.side == Side.SELL_SHORT and rules.sec_type not in SHORT_SEC_TYPES:
        errors["side"].append(f"{rules.sec_type} is sold with SELL; SELL_SHORT is for shares.")
    if terms.locate_broker and terms.side != Side.SELL_SHORT:
        errors["locate_broker"].append("Only a SELL_SHORT order says where the shares were located.")
    if terms.outside_regular_hours and (
        terms.ord_type not in OUTSIDE_HOURS_TYPES or terms.time_in_force == TimeInForce.OPG
    ):
        what = "OPG" if terms.time_in_force == TimeInForce.OPG else terms.ord_type
        errors["outside_regular_hours"].append(f"A {what} order is not worked outside regular hours.")
    if rules.sec_type == SecType.BAG and terms.ord_type not in COMBO_TYPES:
        words = " and ".join(OrdType(kind) for kind in COMBO_TYPES)
        errors["ord_type"].append(f"A combination takes {words} orders, not {terms.ord_type}.")
