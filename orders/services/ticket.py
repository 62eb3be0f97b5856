"""What a caller asks for: the parsed request of one order, before any check."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import msgspec

from brokers.fix import OrdType, SecType, Side, TimeInForce
from orders.models import IfBrokerDown, OnUnconfirmed


class InstrumentKey(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's description of an instrument."""

    symbol: str
    sec_type: SecType = SecType.STK
    exchange: str = "SMART"
    currency: str = "USD"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """One order as asked for. Quantities and prices are finite Decimals; None means not given."""

    cl_ord_id: str
    account: str
    instrument: InstrumentKey
    side: Side
    order_qty: Decimal
    ord_type: OrdType
    time_in_force: TimeInForce = TimeInForce.DAY
    price: Decimal | None = None
    stop_px: Decimal | None = None
    on_unconfirmed: OnUnconfirmed = OnUnconfirmed.RESEND
    if_broker_down: IfBrokerDown = IfBrokerDown.QUEUE
    max_age: Decimal | None = None  # seconds; None = the default of the order type

    def fingerprint(self) -> str:
        """SHA-256 of the meaning of the request: 10 and 10.0 are the same, another price is not."""
        plain = {
            name: str(value.normalize()) if isinstance(value, Decimal) else value
            for name, value in msgspec.structs.asdict(self).items()
        }
        return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
