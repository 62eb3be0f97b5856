"""What-if orders: what an order would do to the account's margin, and what it would cost."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway import echo
from brokers.simulator.gateway.state import OrderRecord
from brokers.simulator.gateway.valuation import Valuation
from brokers.simulator.wire.order_reports import OpenOrder

ZERO = Decimal(0)


def what_if(record: OrderRecord, instrument: Instrument, account: Account, valuation: Valuation) -> OpenOrder:
    """Return the one openOrder that answers a what-if order; no orderStatus follows it."""
    answer = echo.open_order(record, instrument)
    totals = valuation.totals(account)
    price = record.order.lmt_price or valuation.last_price(instrument)
    value = record.quantity * price * instrument.multiplier
    change = _margin_change(record, instrument, account, price)
    change *= valuation.rate(instrument)
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


def _margin_change(record: OrderRecord, instrument: Instrument, account: Account, price: Decimal) -> Decimal:
    """Margin is asked on the size of a position: an order that closes one frees it."""
    position = account.positions.get(instrument.con_id)
    held = position.quantity if position else ZERO
    signed = record.quantity if record.order.action == "BUY" else -record.quantity
    return (abs(held + signed) - abs(held)) * price * instrument.multiplier * instrument.margin_rate
