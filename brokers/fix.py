"""FIX words used everywhere above an adapter. Values are the words, not the wire characters."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class SecType(StrEnum):
    STK = "STK"


class OrdType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"

    @property
    def has_price(self) -> bool:
        """Whether the order carries a limit price."""
        return self in (OrdType.LIMIT, OrdType.STOP_LIMIT)

    @property
    def has_stop_px(self) -> bool:
        """Whether the order carries a trigger price."""
        return self in (OrdType.STOP, OrdType.STOP_LIMIT)


class TimeInForce(StrEnum):
    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrdStatus(StrEnum):
    """FIX OrdStatus (tag 39), as shown to clients."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"


#: Which status is shown when several are true, higher wins (FIX order state changes, OrdStatus precedence).
ORD_STATUS_PRECEDENCE = {
    OrdStatus.PENDING_CANCEL: 12,
    OrdStatus.PENDING_REPLACE: 11,
    OrdStatus.FILLED: 8,
    OrdStatus.CANCELED: 5,
    OrdStatus.EXPIRED: 5,
    OrdStatus.PARTIALLY_FILLED: 4,
    OrdStatus.NEW: 2,
    OrdStatus.REJECTED: 2,
    OrdStatus.PENDING_NEW: 2,
}
