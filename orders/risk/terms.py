"""The terms of an order as asked for: what the rules of form look at."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from brokers.fix import OrdType, Side, TimeInForce
from brokers.order_attributes import OrderAttributes


class OrderTerms(OrderAttributes, frozen=True, kw_only=True, omit_defaults=True):
    """Quantities and prices are finite Decimals; None means not given."""

    side: Side
    order_qty: Annotated[Decimal, Meta(title="Quantity")]
    ord_type: Annotated[OrdType, Meta(title="Type")]
    price: Annotated[Decimal | None, Meta(title="Limit")] = None
    stop_px: Annotated[Decimal | None, Meta(title="Stop")] = None
    time_in_force: Annotated[TimeInForce, Meta(title="In force")] = TimeInForce.DAY
