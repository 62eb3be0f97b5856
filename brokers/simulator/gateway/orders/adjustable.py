"""Adjustable stops: stop orders that become another one when the market has gone far enough."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from brokers.simulator.wire.records import Order

BECOMES = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
#: `adjustable_trailing_unit`: an amount (0) or a percentage (100).
_PERCENT = 100


def is_adjustable(order: Order) -> bool:
    """Whether the order waits for its adjustment."""
    return order.adjusted_order_type in BECOMES


def is_due(order: Order, last: Decimal) -> bool:
    """Whether the market is where the adjustment is wanted: beyond the trigger, away from the stop."""
    trigger = order.trigger_price
    if not is_adjustable(order) or trigger is None:
        return False
    return last >= trigger if order.action == "SELL" else last <= trigger


def adjusted(order: Order) -> Order:
    """Return the order that it becomes."""
    kind, stop = order.adjusted_order_type, order.adjusted_stop_price
    trails, limited = kind.startswith("TRAIL"), kind in ("STP LMT", "TRAIL LIMIT")
    amount = order.adjusted_trailing_amount
    in_percent = order.adjustable_trailing_unit == _PERCENT
    return msgspec.structs.replace(
        order,
        order_type=kind,
        aux_price=(None if in_percent else amount) if trails else stop,
        trailing_percent=amount if trails and in_percent else None,
        trail_stop_price=stop if trails else None,
        lmt_price=order.adjusted_stop_limit_price if limited else None,
        lmt_price_offset=None,
        adjusted_order_type="None",
        trigger_price=None,
        adjusted_stop_price=None,
        adjusted_stop_limit_price=None,
        adjusted_trailing_amount=None,
    )
