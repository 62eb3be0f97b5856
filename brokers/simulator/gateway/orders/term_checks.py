"""Whether there is such an order, and whether its quantity and prices can be worked."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.orders import adjustable, pegging
from brokers.simulator.gateway.orders.slicing import is_scaled
from brokers.simulator.gateway.orders.terms import LIMITED, PEGGED, STOPS, TOUCHED, TRAILING
from brokers.simulator.gateway.texts.refusals import (
    CASH_QUANTITY_MISSING,
    FRACTIONAL,
    FRACTIONAL_SHARES,
    OFF_TICK,
    UNSUPPORTED_TYPE,
    Refused,
    invalid_time_in_force,
    rejected,
    validation,
)
from brokers.simulator.wire.records import Order

ZERO = Decimal(0)
_LARGEST_QUANTITY = LARGEST_PRICE = Decimal(10) ** 9
ORDER_TYPES = {"MKT", "MTL", "BOX TOP", "MOC"} | TRAILING | LIMITED | STOPS | TOUCHED | PEGGED
TIMES_IN_FORCE = {"DAY", "GTC", "IOC", "FOK", "GTD", "OPG", "AUC"}
#: Crypto currency is traded for these; "Minutes", which only it knows, are five.
_CRYPTO_TIMES = {"DAY", "GTC", "IOC", "Minutes"}
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


def check_type(order: Order, instrument: Instrument) -> None:
    """Raise Refused if there is no such order, or not for this instrument."""
    if order.order_type in UNMATCHED_TYPES or order.tif in UNMATCHED_TIMES:
        raise Refused(UNSUPPORTED_TYPE)
    if order.order_type not in ORDER_TYPES:
        raise Refused(validation("Invalid order type was entered"))
    if order.tif not in TIMES_IN_FORCE | _CRYPTO_TIMES:
        raise Refused(validation("Invalid time in force was entered"))
    if order.tif not in (_CRYPTO_TIMES if instrument.sec_type == "CRYPTO" else TIMES_IN_FORCE):
        raise Refused(invalid_time_in_force(order.tif))
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


def check_terms(order: Order, instrument: Instrument) -> None:
    """Raise Refused if quantity or prices cannot be worked.

    What buys crypto currency at the market says how much money to spend, not how much to buy.
    """
    buys_at_market = (order.action, order.order_type) == ("BUY", "MKT")
    if instrument.sec_type == "CRYPTO" and buys_at_market and not order.cash_qty:
        raise Refused(CASH_QUANTITY_MISSING)
    quantity = order.total_quantity
    least = 0 if order.hedge_type else Decimal("1e-9")
    if quantity is None or not least <= quantity <= _LARGEST_QUANTITY:
        raise Refused(validation("The size value cannot be zero"))
    if quantity % instrument.lot:
        raise Refused(FRACTIONAL_SHARES if instrument.sec_type == "STK" else FRACTIONAL)
    _check_sizes(order, quantity)
    if instrument.legs:
        _check_net_price(order, instrument)
        return
    if order.order_type in LIMITED:
        _check_price(order.lmt_price, instrument, "limit price")
    if order.order_type in STOPS:
        _check_price(order.aux_price, instrument, "stop price")
    if order.order_type in TOUCHED:
        _check_price(order.aux_price, instrument, "trigger price")
    if order.order_type in TRAILING:
        _check_trail(order, instrument)
    if order.order_type in PEGGED:
        _check_peg(order, instrument)
    if order.adjusted_order_type not in ("", "None"):
        _check_adjustment(order, instrument)
    if order.discretionary_amt:
        _check_discretion(order)
    if is_scaled(order):
        _check_scale(order)


def _check_sizes(order: Order, quantity: Decimal) -> None:
    for size, name in ((order.display_size, "display size"), (order.min_qty, "minimum quantity")):
        if size is not None and not 0 <= size <= quantity:
            raise Refused(validation(f"Please enter a valid {name}"))


def _check_net_price(order: Order, instrument: Instrument) -> None:
    """A combination's price may be zero or negative: a credit."""
    price = order.lmt_price
    if order.order_type == "LMT" and (price is None or abs(price) > LARGEST_PRICE):
        raise Refused(validation("Please enter a valid limit price"))
    if order.order_type == "LMT" and price and price % instrument.min_tick:
        raise Refused(OFF_TICK)


def _check_trail(order: Order, instrument: Instrument) -> None:
    """A trail is an amount or a percentage; a trailing limit needs to know where its limit is."""
    amount, percent = order.aux_price or ZERO, order.trailing_percent or ZERO
    if not 0 < amount + percent <= LARGEST_PRICE or (amount and percent) or percent >= 100:
        raise Refused(validation("Please enter a valid trailing amount or percentage"))
    if order.trail_stop_price is not None:
        _check_price(order.trail_stop_price, instrument, "trail stop price")
    if order.order_type == "TRAIL LIMIT":
        has_prices = order.lmt_price is not None and order.trail_stop_price is not None
        if order.lmt_price_offset is None and not has_prices:
            raise Refused(validation("Please enter a valid limit price offset"))
        if max(abs(order.lmt_price_offset or ZERO), abs(order.lmt_price or ZERO)) > LARGEST_PRICE:
            raise Refused(validation("Please enter a valid limit price offset"))


def _check_peg(order: Order, instrument: Instrument) -> None:
    wrong = pegging.invalid_reason(order, instrument)
    if wrong:
        raise Refused(validation(wrong))
    if order.lmt_price:
        _check_price(order.lmt_price, instrument, "price cap")
    if not 0 <= (order.aux_price or ZERO) <= LARGEST_PRICE or not 0 <= (order.percent_offset or ZERO) < 1:
        raise Refused(validation("Please enter a valid offset"))


def _check_adjustment(order: Order, instrument: Instrument) -> None:
    """What the order becomes must be one that could be placed."""
    if order.order_type not in STOPS | TRAILING or order.adjusted_order_type not in adjustable.BECOMES:
        raise Refused(validation("Invalid adjusted order type was entered"))
    _check_price(order.trigger_price, instrument, "trigger price")
    check_terms(adjustable.adjusted(order), instrument)


def _check_discretion(order: Order) -> None:
    amount = order.discretionary_amt or ZERO
    if order.order_type != "LMT" or not 0 < amount <= LARGEST_PRICE:
        raise Refused(rejected("The discretionary amount is for limit orders only and above zero."))


def _check_scale(order: Order) -> None:
    """Scaled orders give up their quantity level by level; what would take profits again is not worked."""
    if order.order_type != "LMT" or order.tif in ("IOC", "FOK", "OPG") or order.algo_strategy:
        raise Refused(rejected("Scale orders are limit orders that stay in the market."))
    sizes = order.scale_init_level_size, order.scale_subs_level_size
    if not sizes[0] or any(size is not None and size < 0 for size in sizes):
        raise Refused(validation("Please enter a valid scale level size"))
    if order.scale_profit_offset or order.scale_price_adjust_value or order.scale_table:
        raise Refused(
            rejected("The scale order's profit offset, price adjustment or table is not supported.")
        )


def _check_price(price: Decimal | None, instrument: Instrument, name: str) -> None:
    if price is None or not 0 < price <= LARGEST_PRICE:
        raise Refused(validation(f"Please enter a valid {name}"))
    if not instrument.is_on_tick(price):
        raise Refused(OFF_TICK)
