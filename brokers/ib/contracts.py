"""Contracts and their rules, between IB's words and ours. Source: TWS API, Contract and ContractDetails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import msgspec
from ib_async import ComboLeg, Contract, ContractDetails, PriceIncrement
from ib_async.util import UNSET_INTEGER

from brokers.ib.order_attributes import number_text
from brokers.market import Level
from brokers.messages import InstrumentDetails, InstrumentRef

#: What a contract's `orderTypes` list calls our order types, times in force and attributes.
WORDS = {
    "MKT": "MARKET",
    "LMT": "LIMIT",
    "STP": "STOP",
    "STPLMT": "STOP_LIMIT",
    "TRAIL": "TRAIL",
    "TRAILLMT": "TRAIL_LIMIT",
    "MIT": "MIT",
    "LIT": "LIT",
    "MOC": "MOC",
    "LOC": "LOC",
    "REL": "RELATIVE",
    "MIDPX": "MIDPRICE",
    "MTL": "MARKET_TO_LIMIT",
    "DAY": "DAY",
    "GTC": "GTC",
    "GTD": "GTD",
    "IOC": "IOC",
    "FOK": "FOK",
    "OPG": "OPG",
    "AON": "ALL_OR_NONE",
    "ICE": "DISPLAY_QTY",
    "COND": "CONDITIONS",
    "ALGO": "ALGO",
}
RIGHTS = {"C": "CALL", "P": "PUT", "CALL": "CALL", "PUT": "PUT"}
#: What symbol, exchange and currency describe; all else has more names.
PLAIN = ("STK", "CASH", "BAG")

#: No figure of a broker is this large; IB's "unknown" is 1.8E308, some servers send it rounded.
LARGEST_KNOWN = Decimal("1E300")
ZERO = Decimal(0)
#: So many contracts and figures are kept once for all messages that name them.
SHARED = 4096

Hours = tuple[tuple[datetime, datetime], ...]


def to_contract(instrument: InstrumentRef) -> Contract:
    """The contract as it goes on the wire: by its number where it has one, else by its description."""
    contract = Contract(
        conId=instrument.con_id,
        symbol=instrument.symbol,
        secType=instrument.sec_type,
        exchange=instrument.exchange,
        currency=instrument.currency,
    )
    if instrument.legs:
        contract.comboLegs = [
            ComboLeg(conId=leg.con_id, ratio=leg.ratio, action=leg.side.value, exchange=leg.exchange)
            for leg in instrument.legs
        ]
    elif not instrument.con_id:
        contract.lastTradeDateOrContractMonth = instrument.maturity
        contract.strike = number_text(instrument.strike_price or Decimal(0))  # type: ignore[assignment]
        contract.right = instrument.put_or_call[:1]
        contract.localSymbol = instrument.local_symbol
        contract.tradingClass = instrument.trading_class
        contract.primaryExchange = instrument.primary_exchange
    return contract


def instrument_of(contract: Contract) -> InstrumentRef:
    """The instrument of a contract, of the broker's own kind; SMART where the message names no exchange."""
    ref = InstrumentRef(
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=contract.exchange or "SMART",
        currency=contract.currency,
        con_id=known_id(contract.conId),
        multiplier=amount(contract.multiplier) or Decimal(1),
    )
    return shared(ref if contract.secType in PLAIN else _derivative(ref, contract))


@lru_cache(maxsize=SHARED)
def shared(ref: InstrumentRef) -> InstrumentRef:
    """The first of equal ones: a snapshot names the same few contracts for each order of a day."""
    return ref


def _derivative(ref: InstrumentRef, contract: Contract) -> InstrumentRef:
    return msgspec.structs.replace(
        ref,
        maturity=contract.lastTradeDateOrContractMonth[:8],
        strike_price=amount(contract.strike) or None,
        put_or_call=RIGHTS.get(contract.right, ""),
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
    )


def instrument_details(details: ContractDetails, bands: Sequence[PriceIncrement] = ()) -> InstrumentDetails:
    """The rules of a contract; `bands` are those of its market rule, where the gateway gave them.

    IB states increments of 0.0001 for stocks, but takes fractions through its API only with an
    account permission: whole shares here.
    """
    contract = details.contract
    assert contract is not None  # noqa: S101 - the decoder always sets it
    whole = contract.secType == "STK"
    return InstrumentDetails(
        instrument=_named(contract),
        long_name=details.longName,
        min_tick=amount(details.minTick) or ZERO,
        min_size=_at_least_one(details.minSize, whole),
        size_increment=_at_least_one(details.sizeIncrement, whole),
        price_magnifier=details.priceMagnifier or 1,
        price_bands=tuple((plain(decimal(b.lowEdge)), plain(decimal(b.increment))) for b in bands),
        order_types=our_words(details.orderTypes),
        exchanges=tuple(details.validExchanges.split(",")) if details.validExchanges else (),
        time_zone=details.timeZoneId,
        trading_hours=_hours(details, details.tradingHours),
        liquid_hours=_hours(details, details.liquidHours),
    )


def our_words(order_types: str) -> tuple[str, ...]:
    """The list in our words. FOK is taken wherever IOC is, and not listed."""
    listed = order_types.split(",") if order_types else []
    found = dict.fromkeys(WORDS[word] for word in listed if word in WORDS)
    if "IOC" in found:
        found["FOK"] = None
    return tuple(found)


def rule_of(details: ContractDetails) -> int | None:
    """The market rule of the contract's own exchange: rules are listed in the order of the exchanges."""
    rules, exchanges = details.marketRuleIds.split(","), details.validExchanges.split(",")
    where = details.contract.exchange if details.contract else ""
    by_exchange = dict(zip(exchanges, rules, strict=False))
    found = by_exchange.get(where, rules[0])
    return int(found) if found.isdigit() else None


def _named(contract: Contract) -> InstrumentRef:
    """With all names, also of what is no derivative."""
    ref = _derivative(instrument_of(contract), contract)
    return msgspec.structs.replace(ref, primary_exchange=contract.primaryExchange)


def _hours(details: ContractDetails, text: str) -> Hours:
    """Sessions in UTC; none when the text is in a form of former versions."""
    try:
        sessions = details._parseSessions(text)
    except (ValueError, TypeError, KeyError):
        return ()
    return tuple((session.start.astimezone(UTC), session.end.astimezone(UTC)) for session in sessions)


def known_id(number: int) -> int:
    """A number of the broker's own; 0 for its "not set"."""
    return 0 if number == UNSET_INTEGER else number


def decimal(value: Any) -> Decimal:
    """An exact Decimal of a wire number: the shortest text that reads back as this float."""
    return Decimal(str(value)) if value not in ("", None) else Decimal(0)


@lru_cache(maxsize=SHARED)
def amount(value: Any) -> Decimal | None:
    """A number that may be unknown: None for IB's largest double, for infinities and for what is no number.

    IB says the largest double for every figure that it does not know (yet): ib_async #208, stoqey/ib #107.
    """
    try:
        number = decimal(value) if value not in ("", None) else None
    except InvalidOperation:
        return None
    if number is None or not number.is_finite() or abs(number) >= LARGEST_KNOWN:
        return None
    return plain(number)


def plain(number: Decimal) -> Decimal:
    """Without the trailing `.0` that a float brings."""
    return number.to_integral_value() if number == number.to_integral_value() else number.normalize()


def level(price: float, size: float, venue: str = "") -> Level:
    """A row of an order book."""
    return Level(price=amount(price) or ZERO, size=amount(size) or ZERO, venue=venue)


def _at_least_one(value: Any, whole: bool) -> Decimal:
    number = amount(value) or ZERO
    return max(number, Decimal(1)) if whole or not number else number
