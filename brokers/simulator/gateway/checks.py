"""What a gateway looks at before it takes an order, and before it modifies one."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from brokers.simulator.exchange.instruments import ContractQuery, Instrument, Universe
from brokers.simulator.gateway.state import OrderRecord
from brokers.simulator.gateway.texts import (
    CANNOT_CHANGE_TYPE,
    DOES_NOT_MATCH,
    FRACTIONAL,
    NO_SUCH_CONTRACT,
    OFF_TICK,
    UNSUPPORTED_TYPE,
    Refusal,
    ambiguous,
    rejected,
    validation,
)
from brokers.simulator.wire.records import Contract, Order

ORDER_TYPES = {"MKT", "LMT", "STP", "STP LMT"}
TIMES_IN_FORCE = {"", "DAY", "GTC", "IOC", "FOK"}
#: Real ones that this exchange does not match: refused in other words than nonsense is.
UNMATCHED_TYPES = {
    *("MOC", "LOC", "MTL", "MIT", "LIT", "REL", "TRAIL", "TRAIL LIMIT", "MIDPRICE", "VOL", "BOX TOP"),
    *("PEG MKT", "PEG MID", "PEG BEST", "PEG BENCH", "PEG PRIM", "PEG STK", "PASSV REL"),
    *("STP PRT", "MKT PRT", "SNAP MKT", "SNAP MID", "SNAP PRIM"),
}
UNMATCHED_TIMES = {"GTD", "OPG", "DTC", "AUC", "GTX"}
_TYPE_SPELLINGS = {
    "STPLMT": "STP LMT",
    "STOP LIMIT": "STP LMT",
    "STOP": "STP",
    "MARKET": "MKT",
    "LIMIT": "LMT",
}
_LARGEST_QUANTITY = LARGEST_PRICE = Decimal(10) ** 9
#: Order attributes that change what would be executed: ignoring one of them would be worse than an error.
_UNSUPPORTED_ATTRIBUTES = {
    "parent_id": "parentId",
    "oca_group": "ocaGroup",
    "conditions": "conditions",
    "algo_strategy": "algoStrategy",
    "hedge_type": "hedgeType",
    "good_after_time": "goodAfterTime",
    "min_qty": "minQty",
    "all_or_none": "allOrNone",
    "display_size": "displaySize",
    "cash_qty": "cashQty",
    "scale_price_increment": "scalePriceIncrement",
    "fa_group": "faGroup",
    "trailing_percent": "trailingPercent",
}


class Refused(Exception):
    """The gateway answers with `refusal` and does nothing else."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


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
    found = universe.find(query_of(contract))
    if not found:
        raise Refused(NO_SUCH_CONTRACT)
    if len(found) > 1:
        raise Refused(ambiguous(contract.symbol or contract.local_symbol))
    return found[0]


def normalized(order: Order) -> Order:
    """Return the order with the gateway's spelling of its type and its default time in force."""
    order.order_type = _TYPE_SPELLINGS.get(order.order_type, order.order_type)
    order.tif = order.tif or "DAY"
    order.lmt_price, order.aux_price = _clean(order.lmt_price), _clean(order.aux_price)
    return order


def _clean(price: Decimal | None) -> Decimal | None:
    """Clients send doubles: 230.1 may arrive as 230.10000000000002."""
    if price is None or abs(price) > LARGEST_PRICE:
        return price
    return round(price, 8).normalize()


def check_new(order: Order, instrument: Instrument, accounts: Collection[str]) -> None:
    """Raise Refused if an order may not be taken in."""
    if order.account and order.account not in accounts:
        raise Refused(validation(f"Invalid account code '{order.account}'"))
    if order.action not in ("BUY", "SELL"):
        raise Refused(validation("Invalid side was entered"))
    _check_kind(order)
    check_terms(order, instrument)
    for attribute, name in _UNSUPPORTED_ATTRIBUTES.items():
        if getattr(order, attribute):
            raise Refused(rejected(f"The '{name}' order attribute is not supported."))


def _check_kind(order: Order) -> None:
    if order.order_type in UNMATCHED_TYPES or order.tif in UNMATCHED_TIMES:
        raise Refused(UNSUPPORTED_TYPE)
    if order.order_type not in ORDER_TYPES:
        raise Refused(validation("Invalid order type was entered"))
    if order.tif not in TIMES_IN_FORCE:
        raise Refused(validation("Invalid time in force was entered"))


def check_terms(order: Order, instrument: Instrument) -> None:
    """Raise Refused if quantity or prices cannot be worked."""
    quantity = order.total_quantity
    if quantity is None or not 0 < quantity <= _LARGEST_QUANTITY:
        raise Refused(validation("The size value cannot be zero"))
    if quantity % instrument.lot:
        raise Refused(FRACTIONAL)
    if order.order_type in ("LMT", "STP LMT"):
        _check_price(order.lmt_price, instrument, "limit price")
    if order.order_type in ("STP", "STP LMT"):
        _check_price(order.aux_price, instrument, "stop price")


def _check_price(price: Decimal | None, instrument: Instrument, name: str) -> None:
    if price is None or not 0 < price <= LARGEST_PRICE:
        raise Refused(validation(f"Please enter a valid {name}"))
    if not instrument.is_on_tick(price):
        raise Refused(OFF_TICK)


def check_modification(record: OrderRecord, order: Order, instrument: Instrument, con_id: int) -> None:
    """Raise Refused unless only price, size and time in force of an open order change (ib-api 1.3)."""
    if order.order_type != record.order.order_type:
        raise Refused(CANNOT_CHANGE_TYPE)
    same = (
        con_id == record.con_id
        and order.action == record.order.action
        and order.account in ("", record.account)
        and order.order_ref == record.order.order_ref
    )
    if not same:
        raise Refused(DOES_NOT_MATCH)
    _check_kind(order)
    check_terms(order, instrument)
    if (order.total_quantity or 0) <= record.filled:
        raise Refused(DOES_NOT_MATCH)
