"""From the record to COMPLETED over a real socket."""

from __future__ import annotations

from decimal import Decimal

from brokers.fix import OrdType, Side, TimeInForce
from orders.models import EventKind, State
from orders.services.order_entry import cancel_order
from orders.services.runtime import SessionRuntime


def test_a_market_order_completes_with_its_executions_and_commissions(desk, gateway, runtime) -> None:
    order = desk.wait(desk.place(order_qty=Decimal(100)), State.COMPLETED)
    executions = order.executions.all()
    assert sum(e.last_qty for e in executions) == order.cum_qty == 100
    assert all(e.commission and e.commission_currency == "USD" for e in executions)
    (row,) = gateway.orders_of(order)
    assert (row["perm_id"], row["order_id"]) == (order.perm_id, order.broker_order_id)
