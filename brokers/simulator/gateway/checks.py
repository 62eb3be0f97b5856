"""What a gateway looks at before it takes an order, and before it modifies one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from brokers.simulator.exchange.instruments import ContractQuery, Instrument, Universe
from brokers.simulator.gateway import algos, conditions
from brokers.simulator.gateway.facts import OrderRecord, combo_parts
from brokers.simulator.gateway.terms import LIMITED, PEGGED, STOPS, TOUCHED, TRAILING
from brokers.simulator.gateway.texts import (
    CANNOT_CHANGE_TYPE,
    DOES_NOT_MATCH,
    FRACTIONAL,
    NO_ACCOUNT,
    NO_SUCH_CONTRACT,
    OCA_REVISED,
    OFF_TICK,
    PARENT_REVISED,
    UNSUPPORTED_TYPE,
    Refused,
    ambiguous,
    rejected,
    validation,
)
from brokers.simulator.gateway.time_texts import parse_moment
from brokers.simulator.wire.records import ComboLeg, Contract, Order

ORDER_TYPES = {"MKT", "MTL", "MOC", "TRAIL", "TRAIL LIMIT"} | LIMITED | STOPS | TOUCHED | PEGGED
TIMES_IN_FORCE = {"DAY", "GTC", "IOC", "FOK", "GTD", "OPG"}
#: Real ones that this exchange does not match: refused in other words than nonsense is.
UNMATCHED_TYPES = {
    *("VOL", "BOX TOP", "PASSV REL", "LWH", "RPI"),
    *("PEG MKT", "PEG MID", "PEG BEST", "PEG BENCH", "PEG PRIM", "PEG STK"),
    *("PEGMKT", "PEGMID", "PEGBEST", "PEGBENCH", "PEGPRIM", "PEGSTK"),
    *("STP PRT", "MKT PRT", "SNAP MKT", "SNAP MID", "SNAP PRIM"),
}
UNMATCHED_TIMES = {"DTC", "AUC", "GTX"}
#: Times in force that only some order types have.
_OPENING_TYPES, _DAY_ONLY = {"MKT", "LMT"}, {"MOC", "LOC", "MIDPRICE"}
_IMMEDIATE_TYPES = {"MKT", "LMT", "MTL"}
_TYPE_SPELLINGS = {
    "STPLMT": "STP LMT",
    "STOP LIMIT": "STP LMT",
    "STOP": "STP",
    "MARKET": "MKT",
    "LIMIT": "LMT",
}
_PRICES = (
    "lmt_price",
    "aux_price",
    "trail_stop_price",
    "trailing_percent",
    "lmt_price_offset",
    "percent_offset",
)
ZERO = Decimal(0)
_LARGEST_RATIO = 1000
_LARGEST_QUANTITY = LARGEST_PRICE = Decimal(10) ** 9
#: Order attributes that change what would be executed: ignoring one of them would be worse than an error.
_UNSUPPORTED_ATTRIBUTES = {
    "hedge_type": "hedgeType",
    "cash_qty": "cashQty",
    "scale_price_increment": "scalePriceIncrement",
    "fa_group": "faGroup",
    "discretionary_amt": "discretionaryAmt",
}


def query_of(contract: Contract) -> ContractQuery:
    """Return what a client's contract says."""
    return ContractQuery(
        con_id=contract.con_id or 0,
        symbol=contract.symbol,
        sec_type=contract.sec_type,
        expiry=contract.last_trade_date,
        exchange=contract.exchange,
        primary_exchange=contract.primary_exchange,
        currency=contract.currency,
        local_symbol=contract.local_symbol,
        trading_class=contract.trading_class,
        multiplier=contract.multiplier,
        strike=contract.strike or Decimal(0),
        right="" if contract.right in ("0", "?") else contract.right,
        isin=contract.sec_id if contract.sec_id_type == "ISIN" else "",
    )


def resolve(universe: Universe, contract: Contract) -> Instrument:
    """Return the one instrument that the contract means; raises Refused (200)."""
    if contract.sec_type == "BAG":
        return _combination(universe, contract)
    found = universe.find(query_of(contract))
    if not found:
        raise Refused(NO_SUCH_CONTRACT)
    if len(found) > 1:
        raise Refused(ambiguous(contract.symbol or contract.local_symbol))
    return found[0]


def _combination(universe: Universe, contract: Contract) -> Instrument:
    """Return the combination of the legs; raises Refused (200, 321) if they are no tradable ones."""
    legs = contract.combo_legs
    if len(legs) < 2 or not all(map(_is_leg, legs)):
        raise Refused(validation("The combination's legs are not valid"))
    found = [universe.instruments.get(leg.con_id) for leg in legs]
    if any(leg is None or not leg.is_tradable for leg in found):
        raise Refused(NO_SUCH_CONTRACT)
    if len({leg.currency for leg in found if leg}) > 1 or len({leg.con_id for leg in legs}) < len(legs):
        raise Refused(validation("The combination's legs are not valid"))
    return universe.add_combo(contract.symbol, contract.exchange, combo_parts(legs))


def _is_leg(leg: ComboLeg) -> bool:
    return 0 < (leg.ratio or 0) <= _LARGEST_RATIO and leg.action in ("BUY", "SELL")


def normalized(order: Order) -> Order:
    """Return the order with the gateway's spelling of its type and its default time in force."""
    order.order_type = _TYPE_SPELLINGS.get(order.order_type, order.order_type)
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
    if not order.account and len(accounts) > 1:
        raise Refused(NO_ACCOUNT)
    if order.account and order.account not in accounts:
        raise Refused(validation(f"Invalid account code '{order.account}'"))
    if order.action not in ("BUY", "SELL"):
        raise Refused(validation("Invalid side was entered"))
    if not instrument.is_tradable:
        raise Refused(rejected("Contract is not available for trading."))
    _check_kind(order, instrument)
    check_terms(order, instrument, universe)
    _check_attributes(order, universe, now)


def _check_kind(order: Order, instrument: Instrument) -> None:
    if order.order_type in UNMATCHED_TYPES or order.tif in UNMATCHED_TIMES:
        raise Refused(UNSUPPORTED_TYPE)
    if order.order_type not in ORDER_TYPES:
        raise Refused(validation("Invalid order type was entered"))
    if order.tif not in TIMES_IN_FORCE:
        raise Refused(validation("Invalid time in force was entered"))
    if not _go_together(order.order_type, order.tif):
        raise Refused(validation(f"Invalid time in force for a {order.order_type} order"))
    if instrument.legs and order.order_type not in ("MKT", "LMT"):
        raise Refused(UNSUPPORTED_TYPE)


def _go_together(order_type: str, tif: str) -> bool:
    if tif == "OPG":
        return order_type in _OPENING_TYPES
    if tif in ("IOC", "FOK"):
        return order_type in _IMMEDIATE_TYPES | STOPS
    return tif == "DAY" or order_type not in _DAY_ONLY


def check_terms(order: Order, instrument: Instrument, universe: Universe) -> None:
    """Raise Refused if quantity or prices cannot be worked."""
    quantity = order.total_quantity
    if quantity is None or not 0 < quantity <= _LARGEST_QUANTITY:
        raise Refused(validation("The size value cannot be zero"))
    if quantity % instrument.lot:
        raise Refused(FRACTIONAL)
    _check_sizes(order, quantity)
    if instrument.legs:
        _check_net_price(order, instrument)
        return
    if order.order_type in LIMITED:
        _check_price(order.lmt_price, instrument, universe, "limit price")
    if order.order_type in STOPS:
        _check_price(order.aux_price, instrument, universe, "stop price")
    if order.order_type in TOUCHED:
        _check_price(order.aux_price, instrument, universe, "trigger price")
    if order.order_type in TRAILING:
        _check_trail(order, instrument, universe)
    if order.order_type in PEGGED:
        _check_peg(order, instrument, universe)


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


def _check_trail(order: Order, instrument: Instrument, universe: Universe) -> None:
    """A trail is an amount or a percentage; a trailing limit needs to know where its limit is."""
    amount, percent = order.aux_price or ZERO, order.trailing_percent or ZERO
    if not 0 < amount + percent <= LARGEST_PRICE or (amount and percent) or percent >= 100:
        raise Refused(validation("Please enter a valid trailing amount or percentage"))
    if order.trail_stop_price is not None:
        _check_price(order.trail_stop_price, instrument, universe, "trail stop price")
    if order.order_type == "TRAIL LIMIT":
        has_prices = order.lmt_price is not None and order.trail_stop_price is not None
        if order.lmt_price_offset is None and not has_prices:
            raise Refused(validation("Please enter a valid limit price offset"))
        if max(abs(order.lmt_price_offset or ZERO), abs(order.lmt_price or ZERO)) > LARGEST_PRICE:
            raise Refused(validation("Please enter a valid limit price offset"))


def _check_peg(order: Order, instrument: Instrument, universe: Universe) -> None:
    if order.lmt_price:
        _check_price(order.lmt_price, instrument, universe, "price cap")
    if not 0 <= (order.aux_price or ZERO) <= LARGEST_PRICE or not 0 <= (order.percent_offset or ZERO) < 1:
        raise Refused(validation("Please enter a valid offset"))


def _check_price(price: Decimal | None, instrument: Instrument, universe: Universe, name: str) -> None:
    if price is None or not 0 < price <= LARGEST_PRICE:
        raise Refused(validation(f"Please enter a valid {name}"))
    if not universe.is_on_tick(instrument, price):
        raise Refused(OFF_TICK)


def _check_attributes(order: Order, universe: Universe, now: datetime) -> None:
    for attribute, name in _UNSUPPORTED_ATTRIBUTES.items():
        if getattr(order, attribute):
            raise Refused(rejected(f"The '{name}' order attribute is not supported."))
    if order.adjusted_order_type not in ("", "None"):
        raise Refused(rejected("The 'adjustedOrderType' order attribute is not supported."))
    if order.oca_type not in (None, 0, 1, 2, 3):
        raise Refused(validation("Invalid OCA type was entered"))
    check_times(order, now)
    for condition in order.conditions:
        wrong = conditions.flaw(condition, universe, now)
        if wrong:
            raise Refused(validation(wrong))
    refusal = algos.flaw(order)
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


def check_modification(
    record: OrderRecord, order: Order, instrument: Instrument, universe: Universe, now: datetime
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
    )
    if not same:
        raise Refused(DOES_NOT_MATCH)
    if (order.parent_id or 0) != (record.order.parent_id or 0):
        raise Refused(PARENT_REVISED)
    if order.oca_group not in ("", record.order.oca_group):
        raise Refused(OCA_REVISED)
    _check_kind(order, instrument)
    check_terms(order, instrument, universe)
    _check_attributes(order, universe, now)
    if (order.total_quantity or 0) <= record.filled:
        raise Refused(DOES_NOT_MATCH)
