"""The terms of an order as asked for: what the rules of form look at."""

from __future__ import annotations

from decimal import Decimal

from brokers.fix import OrdType, Side, TimeInForce
from brokers.order_attributes import OrderAttributes


class Terms(OrderAttributes, frozen=True, kw_only=True, omit_defaults=True):
    """Quantities and prices are finite Decimals; None means not given."""

    side: Side
    order_qty: Decimal
    ord_type: OrdType
    time_in_force: TimeInForce = TimeInForce.DAY
    price: Decimal | None = None
    stop_px: Decimal | None = None
