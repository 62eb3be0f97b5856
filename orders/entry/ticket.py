"""What a caller asks for: the parsed request of one order, before any check."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import msgspec

from brokers.fix import SecType
from brokers.messages import InstrumentRef, Leg
from brokers.order_attributes import ATTRIBUTE_FIELDS, OrderAttributes
from orders.models import IfBrokerDown, OnUnconfirmed
from orders.risk.terms import Terms

LAST_DAY = len("YYYYMMDD")


class InstrumentKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The caller's description of an instrument."""

    symbol: str
    sec_type: SecType = SecType.STK
    exchange: str = "SMART"
    currency: str = "USD"
    con_id: int = 0
    maturity: str = ""
    strike_price: Decimal | None = None
    put_or_call: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    primary_exchange: str = ""
    legs: tuple[Leg, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether it can mean one contract only, so that a stored one that fits is the one that is meant."""
        if self.con_id or self.local_symbol or self.legs:
            return True
        if self.sec_type == SecType.OPT:
            told = (self.maturity, self.strike_price, self.put_or_call, self.trading_class)
            return all(part not in ("", None) for part in told) and len(self.maturity) == LAST_DAY
        return self.sec_type != SecType.FUT or len(self.maturity) == LAST_DAY

    def reference(self) -> InstrumentRef:
        """The same as messages to the broker name it."""
        return InstrumentRef(**{name: getattr(self, name) for name in self.__struct_fields__})


class Ticket(Terms, frozen=True, kw_only=True, omit_defaults=True):
    """One order as asked for. Quantities and prices are finite Decimals; None means not given."""

    cl_ord_id: str
    account: str
    instrument: InstrumentKey
    on_unconfirmed: OnUnconfirmed = OnUnconfirmed.RESEND
    if_broker_down: IfBrokerDown = IfBrokerDown.QUEUE
    max_age: Decimal | None = None  # seconds; None = the default of the order type

    def fingerprint(self) -> str:
        """SHA-256 of the meaning of the request: 10 and 10.0 are the same, another price is not.

        What is not given does not count, so a field that a later version adds changes no fingerprint.
        """
        return hashlib.sha256(msgspec.json.encode(_plain(self), order="sorted")).hexdigest()

    def special(self) -> dict[str, Any]:
        """The optional terms that are given, as JSON values."""
        given = {name: getattr(self, name) for name in ATTRIBUTE_FIELDS}
        plain: dict[str, Any] = msgspec.to_builtins(OrderAttributes(**given))
        return plain


def _plain(value: Any) -> Any:
    """JSON values with numbers in one form, without defaults."""
    if isinstance(value, Decimal):
        return str(value.normalize())
    if isinstance(value, msgspec.Struct):
        given = {name: getattr(value, name) for name in msgspec.to_builtins(value)}
        return {name: _plain(found) for name, found in given.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
