"""How much margin an order needs, and whether the account carries it."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.accounts.exposure import Exposure
from brokers.simulator.gateway.accounts.valuation import BASE_CURRENCY, Valuation
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts.refusals import Refusal, margin_missing

ZERO = Decimal(0)


def margin_change(record: OrderRecord, account: Account, valuation: Valuation, exposure: Exposure) -> Decimal:
    """Return how much more margin the account needs once the order is filled, in base currency.

    Margin is asked on the size of a position: an order that closes one frees it, unless another does so
    already. Of what open orders may make of it the largest size counts.
    """
    instrument, quantity = valuation.universe[record.con_id], signed(record.remaining, record.order.action)
    if not instrument.legs:
        held, others = _held(account, record.con_id), exposure.without(record)
        more = others.plus(quantity).largest(held) - others.largest(held)
        return _margin(more, instrument, valuation, record.order.lmt_price)
    change = ZERO
    for leg in instrument.legs:
        held = _held(account, leg.con_id)
        more = abs(held + quantity * leg.ratio) - abs(held)
        change += _margin(more, valuation.universe[leg.con_id], valuation)
    return change


def margin_shortfall(
    record: OrderRecord, state: State, valuation: Valuation, exposure: Exposure
) -> Refusal | None:
    """Return the rejection (201) of an order that the account's equity does not carry with all the others."""
    account = state.accounts[record.account]
    change = margin_change(record, account, valuation, exposure)
    if change <= 0:
        return None
    totals = valuation.totals(account)
    needed = totals.margin + _of_others(record, account, valuation, exposure) + change
    if needed <= totals.net_liquidation:
        return None
    return margin_missing(totals.net_liquidation, needed, BASE_CURRENCY)


def _held(account: Account, con_id: int) -> Decimal:
    position = account.positions.get(con_id)
    return position.quantity if position else ZERO


def _margin(
    quantity: Decimal, instrument: Instrument, valuation: Valuation, price: Decimal | None = None
) -> Decimal:
    price = price or valuation.last_price(instrument)
    return quantity * price * instrument.multiplier * instrument.margin_rate * valuation.rate(instrument)


def _of_others(record: OrderRecord, account: Account, valuation: Valuation, exposure: Exposure) -> Decimal:
    """Return what the open orders beside this one need more than the positions do."""
    total = ZERO
    for con_id, working in exposure.of(record.account):
        held = _held(account, con_id)
        others = exposure.without(record) if con_id == record.con_id else working
        total += _margin(others.largest(held) - abs(held), valuation.universe[con_id], valuation)
    return total


def signed(quantity: Decimal, action: str) -> Decimal:
    """Return the quantity as it changes a position."""
    return quantity if action == "BUY" else -quantity
