"""What an order would do to the account's margin: what-if answers, and rejections for lack of it."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.accounts.exposure import Exposure
from brokers.simulator.gateway.accounts.valuation import BASE_CURRENCY, Valuation
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import echo
from brokers.simulator.gateway.orders.market_events import signed
from brokers.simulator.gateway.texts.refusals import Refusal, margin_missing
from brokers.simulator.wire.order_reports import OpenOrder

ZERO = Decimal(0)


def what_if(record: OrderRecord, account: Account, valuation: Valuation, exposure: Exposure) -> OpenOrder:
    """Return the one openOrder that answers a what-if order; no orderStatus follows it."""
    instrument = valuation.universe[record.con_id]
    answer = echo.open_order(record, instrument)
    totals = valuation.totals(account)
    price = record.order.lmt_price or valuation.last_price(instrument)
    value = record.quantity * abs(price) * instrument.multiplier
    change = margin_change(record, account, valuation, exposure)
    commission = echo.java(instrument.commission.total(record.quantity, value))
    net = totals.net_liquidation
    state = answer.state
    state.init_margin_before = state.maint_margin_before = echo.java(round(totals.margin, 2))
    state.init_margin_change = state.maint_margin_change = echo.java(round(change, 2))
    state.init_margin_after = state.maint_margin_after = echo.java(round(totals.margin + change, 2))
    state.equity_with_loan_before = state.equity_with_loan_after = echo.java(round(net, 2))
    state.equity_with_loan_change = echo.java(ZERO)
    state.min_commission = state.max_commission = commission
    state.commission_currency = instrument.currency
    return answer


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
