"""Which instrument a client's contract means, and the forms in which contracts are sent back."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from brokers.simulator.exchange.instruments import ContractQuery, Instrument, Universe
from brokers.simulator.gateway.memory.facts import combo_parts
from brokers.simulator.gateway.texts.numbers import java
from brokers.simulator.gateway.texts.refusals import NO_SUCH_CONTRACT, Refused, ambiguous, validation
from brokers.simulator.wire.records import ComboLeg, Contract

_LARGEST_RATIO = 1000


def query_of(contract: Contract, *, includes_expired: bool = False) -> ContractQuery:
    """Return what a client's contract says; what has expired is meant only if that is said too."""
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
        cusip=contract.sec_id if contract.sec_id_type == "CUSIP" else "",
        includes_expired=includes_expired,
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


def resolve_for_data(universe: Universe, contract: Contract) -> Instrument:
    """Return the one instrument whose data are wanted; raises Refused (200, and 321 for what is missing).

    Data come from an exchange: a con_id alone does not say which.
    """
    if not contract.exchange and contract.sec_type != "BAG":
        raise Refused(validation("Please enter exchange"))
    is_dated = contract.sec_type in ("FUT", "OPT", "FOP")
    if is_dated and not (contract.con_id or contract.local_symbol or contract.last_trade_date):
        raise Refused(validation("Please enter a local symbol or an expiry"))
    if contract.sec_type == "CONTFUT":
        return front_month(universe, contract)
    return resolve(universe, contract)


def front_month(universe: Universe, contract: Contract) -> Instrument:
    """Return the future that a continuous one is now, the next to expire; raises Refused (200)."""
    months = universe.find(msgspec.structs.replace(query_of(contract), sec_type="FUT", local_symbol=""))
    if not months:
        raise Refused(NO_SUCH_CONTRACT)
    return min(months, key=lambda future: future.expiry)


def resolve_for_order(universe: Universe, contract: Contract) -> Instrument:
    """Return the one instrument of an order; raises Refused (200, and 321 without an exchange).

    Contracts as positions and portfolios tell them have none: one of the commonest refusals.
    """
    if not contract.exchange:
        raise Refused(validation("Missing order exchange."))
    return resolve(universe, contract)


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


def order_contract(instrument: Instrument, exchange: str) -> Contract:
    """The contract in openOrder and completedOrder: strike `0` and right `?` on everything without them."""
    contract = _identity(instrument)
    contract.strike, contract.right = instrument.strike, instrument.right or "?"
    contract.exchange = exchange
    return contract


def execution_contract(instrument: Instrument, venue: str) -> Contract:
    """The contract of a fill names the venue that executed it."""
    contract = _identity(instrument)
    contract.exchange = venue
    return contract


def position_contract(instrument: Instrument) -> Contract:
    """The contract of a position: the primary exchange for stocks, none for the rest."""
    contract = _identity(instrument)
    contract.exchange = instrument.primary_exchange if instrument.sec_type == "STK" else ""
    return contract


def portfolio_contract(instrument: Instrument) -> Contract:
    """The contract of a portfolio row: strike and right are both `0` if it has none."""
    contract = _identity(instrument)
    contract.strike, contract.right = instrument.strike, instrument.right or "0"
    contract.primary_exchange = instrument.primary_exchange or instrument.exchange
    return contract


def _identity(instrument: Instrument) -> Contract:
    return Contract(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        last_trade_date=instrument.expiry,
        strike=java(instrument.strike),
        right=instrument.right,
        multiplier=instrument.multiplier_text,
        currency=instrument.currency,
        local_symbol=instrument.local_symbol,
        trading_class=instrument.trading_class,
    )
