"""An order that the broker calls over and works on comes back to our books, over TCP."""

from __future__ import annotations

from orders.models import Alert, AlertKind, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def test_an_order_over_by_a_wrong_word_comes_back_and_is_canceled(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="order_notice", code=202, where="after", count=1)
    order = desk.wait(desk.rest(), State.CANCELED)
    runtime.flags.snapshot_wanted = True
    desk.wait(order, State.PENDING)
    assert State.CANCELED in Alert.objects.get(kind=AlertKind.STILL_WORKING, order=order).text
    desk.cancel(order, runtime)
    assert [row["status"] for row in gateway.orders_of(order)] == ["Cancelled"]


def test_an_order_that_works_is_never_over_by_a_rejection_alone(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="order_notice", code=201, where="after", count=1)
    order = desk.wait(desk.rest(), State.PENDING)
    eventually(lambda: order.events.filter(data__code=201).exists())
    for _ in range(2):
        runtime.reconcile(full=True)
    desk.wait(order, State.PENDING)
    assert not order.events.filter(to_state=State.REJECTED).exists()
    desk.cancel(order, runtime)
