"""What an order would do to the account's margin: what-if answers, and rejections for lack of it."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway import echo
from brokers.simulator.gateway.facts import OrderRecord
from brokers.simulator.gateway.follow import signed
from brokers.simulator.gateway.state import State
from brokers.simulator.gateway.texts import Refusal, margin_missing
from brokers.simulator.gateway.valuation import BASE_CURRENCY, Valuation
from brokers.simulator.wire.order_reports import OpenOrder

ZERO = Decimal(0)


def what_if(record: OrderRecord, instrument: Instrument, account: Account, valuation: Valuation) -> OpenOrder:
    """Return the one openOrder that answers a what-if order; no orderStatus follows it."""
    answer = echo.open_order(record, instrument)
    totals = valuation.totals(account)
    price = record.order.lmt_price or valuation.last_price(instrument)
    value = record.quantity * abs(price) * instrument.multiplier
    change = margin_change(record, instrument, account, valuation)
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


def margin_change(
    record: OrderRecord, instrument: Instrument, account: Account, valuation: Valuation
) -> Decimal:
    """Return how much more margin the account needs once the order is filled, in base currency.

    Margin is asked on the size of a position: an order that closes one frees it.
    """
    universe, quantity = valuation.universe, signed(record.remaining, record.order.action)
    change = ZERO
    for con_id, ratio in [(leg.con_id, leg.ratio) for leg in instrument.legs] or [(instrument.con_id, 1)]:
        part = universe[con_id]
        limit = None if instrument.legs else record.order.lmt_price
        position = account.positions.get(con_id)
        held = position.quantity if position else ZERO
        more = abs(held + quantity * ratio) - abs(held)
        price = limit or valuation.last_price(part)
        change += more * price * part.multiplier * part.margin_rate * valuation.rate(part)
    return change


def margin_shortfall(record: OrderRecord, state: State, valuation: Valuation) -> Refusal | None:
    """Return the rejection (201) of an order that the account's equity does not carry."""
    account = state.accounts[record.account]
    change = margin_change(record, state.universe[record.con_id], account, valuation)
    if change <= 0:
        return None
    totals = valuation.totals(account)
    needed = totals.margin + change
    if needed <= totals.net_liquidation:
        return None
    return margin_missing(totals.net_liquidation, needed, BASE_CURRENCY)
