"""Which kinds of order there are, and which of them go together."""

from __future__ import annotations

from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.orders.terms import LIMITED, PEGGED, STOPS, TOUCHED, TRAILING
from brokers.simulator.gateway.texts.refusals import UNSUPPORTED_TYPE, Refused, validation
from brokers.simulator.wire.records import Order

ORDER_TYPES = {"MKT", "MTL", "BOX TOP", "MOC"} | TRAILING | LIMITED | STOPS | TOUCHED | PEGGED
TIMES_IN_FORCE = {"DAY", "GTC", "IOC", "FOK", "GTD", "OPG", "AUC"}
#: Real ones that this exchange does not match: refused in other words than nonsense is.
UNMATCHED_TYPES = {"LWH", "RPI", "TRAIL MIT", "TRAIL LIT", "TRAIL REL", "REL + LMT", "REL + MKT", "LMT + MKT"}
UNMATCHED_TIMES = {"DTC", "GTX"}
#: Types that only some kinds of instrument have.
_OPTIONS, _FUTURES, _SHARES = ("OPT", "FOP"), ("FUT", "FOP"), ("STK", "OPT", "CFD")
_ONLY_FOR = {
    **dict.fromkeys(("PEG STK", "VOL", "BOX TOP"), _OPTIONS),
    **dict.fromkeys(("STP PRT", "MKT PRT"), _FUTURES),
    **dict.fromkeys(("PEG MID", "PEG BEST", "MIDPRICE"), _SHARES),
}
#: Times in force that only some order types have.
_OPENING_TYPES, _DAY_ONLY = {"MKT", "LMT"}, {"MOC", "LOC", "MIDPRICE"}
#: An order for the opening auction that goes on after it (tif AUC, type MTL) is for these.
_WITH_AUCTIONS = ("STK", "FUT")
_IMMEDIATE_TYPES = {"MKT", "LMT", "MTL"}
_SPELLINGS = {
    **{name.replace(" ", ""): name for name in ("PEG MKT", "PEG MID", "PEG BEST", "PEG BENCH", "PEG PRIM")},
    **{name.replace(" ", ""): name for name in ("PEG STK", "SNAP MKT", "SNAP MID", "SNAP PRIM", "STP PRT")},
    "STPLMT": "STP LMT",
    "STOP LIMIT": "STP LMT",
    "STOP": "STP",
    "MARKET": "MKT",
    "LIMIT": "LMT",
    "TRAILLMT": "TRAIL LIMIT",
    "MIDPX": "MIDPRICE",
}


def spelled(order_type: str) -> str:
    """Return the gateway's own spelling of an order type."""
    return _SPELLINGS.get(order_type, order_type)


def check_kind(order: Order, instrument: Instrument) -> None:
    """Raise Refused if there is no such order, or not for this instrument."""
    if order.order_type in UNMATCHED_TYPES or order.tif in UNMATCHED_TIMES:
        raise Refused(UNSUPPORTED_TYPE)
    if order.order_type not in ORDER_TYPES:
        raise Refused(validation("Invalid order type was entered"))
    if order.tif not in TIMES_IN_FORCE:
        raise Refused(validation("Invalid time in force was entered"))
    if order.tif == "AUC" and instrument.sec_type not in _WITH_AUCTIONS:
        raise Refused(UNSUPPORTED_TYPE)
    if not _go_together(order.order_type, order.tif):
        raise Refused(validation(f"Invalid time in force for a {order.order_type} order"))
    if instrument.sec_type not in _ONLY_FOR.get(order.order_type, (instrument.sec_type,)):
        raise Refused(UNSUPPORTED_TYPE)
    if instrument.legs and order.order_type not in ("MKT", "LMT"):
        raise Refused(UNSUPPORTED_TYPE)


def _go_together(order_type: str, tif: str) -> bool:
    if tif == "AUC":
        return order_type == "MTL"
    if tif == "OPG":
        return order_type in _OPENING_TYPES
    if tif in ("IOC", "FOK"):
        return order_type in _IMMEDIATE_TYPES | STOPS
    return tif == "DAY" or order_type not in _DAY_ONLY
