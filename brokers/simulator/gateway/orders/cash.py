"""Orders that say how much money they are for, not how many units."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.texts.refusals import NO_CASH_QUANTITY, Refused
from brokers.simulator.wire.records import Order

ZERO = Decimal(0)


def complete(order: Order, instrument: Instrument, exchange: Exchange) -> None:
    """Turn the cash quantity into whole lots at the limit, or at the last price; raises Refused (10244)."""
    if not order.cash_qty:
        return
    if "CASHQTY" not in instrument.order_types or order.cash_qty < 0:
        raise Refused(NO_CASH_QUANTITY)
    price = order.lmt_price or exchange.last_price(instrument.con_id)
    if not order.total_quantity and price > 0:
        order.total_quantity = order.cash_qty / price // instrument.lot * instrument.lot
