"""FIX words used everywhere above an adapter. Values are the words, not the wire characters."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    SELL_SHORT = "SELL_SHORT"


class LegSide(StrEnum):
    """What buying a combination does to one of its legs."""

    BUY = "BUY"
    SELL = "SELL"


class SecType(StrEnum):
    STK = "STK"
    FUT = "FUT"
    OPT = "OPT"
    CASH = "CASH"
    BAG = "BAG"


class OrdType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    TRAIL = "TRAIL"
    TRAIL_LIMIT = "TRAIL_LIMIT"
    MIT = "MIT"  # market if touched
    LIT = "LIT"  # limit if touched
    MOC = "MOC"  # market on close
    LOC = "LOC"  # limit on close
    RELATIVE = "RELATIVE"
    MIDPRICE = "MIDPRICE"
    MARKET_TO_LIMIT = "MARKET_TO_LIMIT"


class TimeInForce(StrEnum):
    DAY = "DAY"
    GTC = "GTC"
    GTD = "GTD"
    IOC = "IOC"
    FOK = "FOK"
    OPG = "OPG"  # at the opening: with MARKET or LIMIT


#: Orders with these outlive the day.
LASTING = (TimeInForce.GTC, TimeInForce.GTD)


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
    DONE_FOR_DAY = "DONE_FOR_DAY"
    CALCULATED = "CALCULATED"
    STOPPED = "STOPPED"
    SUSPENDED = "SUSPENDED"


#: Which status is shown when several are true, higher wins (FIX order state changes, OrdStatus precedence).
ORD_STATUS_PRECEDENCE = {
    OrdStatus.PENDING_CANCEL: 12,
    OrdStatus.PENDING_REPLACE: 11,
    OrdStatus.DONE_FOR_DAY: 10,
    OrdStatus.CALCULATED: 9,
    OrdStatus.FILLED: 8,
    OrdStatus.STOPPED: 7,
    OrdStatus.SUSPENDED: 6,
    OrdStatus.CANCELED: 5,
    OrdStatus.EXPIRED: 5,
    OrdStatus.PARTIALLY_FILLED: 4,
    OrdStatus.NEW: 2,
    OrdStatus.REJECTED: 2,
    OrdStatus.PENDING_NEW: 2,
}
