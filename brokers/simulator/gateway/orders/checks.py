"""What a gateway checks before it takes an order, and before it modifies one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.exchange.triggers import Watched
from brokers.simulator.gateway.memory.facts import OrderRecord, Status
from brokers.simulator.gateway.orders import conditions
from brokers.simulator.gateway.orders.slicing import algo_refusal
from brokers.simulator.gateway.orders.term_checks import LARGEST_PRICE, check_terms, check_type, spelled
from brokers.simulator.gateway.texts.refusals import (
    ALREADY_FILLED,
    CANNOT_CHANGE_TYPE,
    DOES_NOT_MATCH,
    DUPLICATE_ID,
    NO_ACCOUNT,
    OCA_REVISED,
    PARENT_REVISED,
    WHAT_IF_KEPT_BACK,
    Refused,
    no_such_order,
    rejected,
    validation,
)
from brokers.simulator.gateway.texts.times import parse_moment
from brokers.simulator.wire.records import Order

_PRICES = (
    *("lmt_price", "aux_price", "trail_stop_price", "trailing_percent", "lmt_price_offset", "percent_offset"),
    *("trigger_price", "adjusted_stop_price", "adjusted_stop_limit_price", "adjusted_trailing_amount"),
    *("discretionary_amt", "starting_price", "stock_ref_price", "scale_price_increment"),
)


def normalized(order: Order) -> Order:
    """Return the order with the gateway's spelling of its type and its default time in force."""
    order.order_type = spelled(order.order_type)
    order.tif = order.tif or "DAY"
    for name in _PRICES:
        setattr(order, name, _clean(getattr(order, name)))
    return order


def _clean(price: Decimal | None) -> Decimal | None:
    """Clients send doubles: 230.1 may arrive as 230.10000000000002."""
    if price is None or abs(price) > LARGEST_PRICE:
        return price
    return round(price, 8).normalize()


def check_new(
    order: Order, instrument: Instrument, accounts: Collection[str], universe: Universe, now: datetime
) -> None:
    """Raise Refused if an order may not be taken in."""
    for_several = order.fa_group or order.fa_profile
    if not order.account and len(accounts) > 1 and not for_several:
        raise Refused(NO_ACCOUNT)
    if order.account and order.account not in accounts:
        raise Refused(validation(f"Invalid account code '{order.account}'"))
    if order.action not in ("BUY", "SELL"):
        raise Refused(validation("Invalid side was entered"))
    if for_several and (order.account or instrument.legs):
        raise Refused(validation("An FA group order names no account and is for no combination"))
    if order.fa_group and order.fa_profile:
        raise Refused(validation("An FA order names a group or a profile, not both"))
    if not instrument.is_tradable:
        raise Refused(rejected("Contract is not available for trading."))
    check_type(order, instrument)
    check_terms(order, instrument)
    _check_attributes(order, universe, now)


def _check_attributes(order: Order, universe: Universe, now: datetime) -> None:
    if order.what_if and not order.transmit:
        raise Refused(WHAT_IF_KEPT_BACK)
    if order.trigger_method and order.trigger_method not in set(Watched):
        raise Refused(validation("Invalid trigger method was entered"))
    if order.oca_type not in (None, 0, 1, 2, 3):
        raise Refused(validation("Invalid OCA type was entered"))
    check_times(order, now)
    for condition in order.conditions:
        wrong = conditions.invalid_reason(condition, universe, now)
        if wrong:
            raise Refused(validation(wrong))
    refusal = algo_refusal(order)
    if refusal is not None:
        raise Refused(refusal)


def check_times(order: Order, now: datetime) -> None:
    """Raise Refused if an order begins at no time, or ends at none or before now."""
    try:
        if order.good_after_time:
            parse_moment(order.good_after_time, now)
        if order.tif == "GTD" and parse_moment(order.good_till_date, now) <= now:
            raise Refused(validation("The good till date is in the past"))
    except ValueError:
        raise Refused(validation("Invalid date/time format")) from None


def check_modifiable(record: OrderRecord) -> None:
    """Raise Refused if the order is done: 104 if it was filled, else its id counts as used (103)."""
    if record.status is Status.FILLED:
        raise Refused(ALREADY_FILLED)
    if record.is_done:
        raise Refused(DUPLICATE_ID)


def check_modification(
    record: OrderRecord,
    order: Order,
    instrument: Instrument,
    universe: Universe,
    now: datetime,
    *,
    parent: OrderRecord | None,
) -> None:
    """Raise Refused unless only the terms of an open order change (ib-api 1.3)."""
    if order.order_type != record.order.order_type:
        raise Refused(CANNOT_CHANGE_TYPE)
    same = (
        instrument.con_id == record.con_id
        and order.action == record.order.action
        and order.account in ("", record.account)
        and order.order_ref == record.order.order_ref
        and order.algo_strategy == record.order.algo_strategy
        and (order.hedge_type, order.hedge_param) == (record.order.hedge_type, record.order.hedge_param)
    )
    if not same:
        raise Refused(DOES_NOT_MATCH)
    _check_parent(record, order, parent)
    if order.oca_group not in ("", record.order.oca_group):
        raise Refused(OCA_REVISED)
    check_type(order, instrument)
    check_terms(order, instrument)
    _check_attributes(order, universe, now)
    if not order.hedge_type and (order.total_quantity or 0) <= record.filled:
        raise Refused(DOES_NOT_MATCH)


def _check_parent(record: OrderRecord, order: Order, parent: OrderRecord | None) -> None:
    """Of an order whose parent is over the parent is named no more: 135 otherwise (ib_insync 647)."""
    is_over = parent is not None and parent.is_done and not order.hedge_type
    if is_over and order.parent_id:
        raise Refused(no_such_order(order.parent_id))
    if not is_over and (order.parent_id or 0) != (record.order.parent_id or 0):
        raise Refused(PARENT_REVISED)


#: What a modification may change.
_CHANGEABLE = attrgetter(
    *("total_quantity", "lmt_price", "aux_price", "tif", "good_till_date", "good_after_time", "outside_rth"),
    *("trail_stop_price", "trailing_percent", "lmt_price_offset", "percent_offset", "display_size", "hidden"),
    *("min_qty", "all_or_none", "conditions", "conditions_cancel_order", "conditions_ignore_rth"),
    *("discretionary_amt", "cash_qty", "starting_price", "delta", "volatility", "mid_offset_at_whole"),
    *("mid_offset_at_half", "compete_against_best_offset", "scale_price_increment", "adjusted_order_type"),
    *("trigger_price", "adjusted_stop_price", "adjusted_stop_limit_price", "adjusted_trailing_amount"),
)


def same_terms(order: Order, other: Order) -> bool:
    """Whether a modification changes nothing."""
    return bool(_CHANGEABLE(order) == _CHANGEABLE(other))
