"""What a gateway takes back or tells late: corrections, busts, fills after the cancel, refused replaces."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from orders.entry.cancel import cancel_order
from orders.entry.replace import Change, replace_order
from orders.models import Execution, Order, OrderRequest, RequestState, Source, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def counting(order: Order) -> list[Decimal]:
    """Quantities of the executions that count."""
    return [execution.last_qty for execution in order.executions.filter(superseded=False)]


def test_a_corrected_price_is_the_order_s_price(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="correct_execution", price_change="-1", delay_ms=50, count=1)
    order = desk.wait(desk.place(), State.COMPLETED, State.FILLED)

    def corrected() -> bool:
        order.refresh_from_db()
        return order.executions.filter(superseded=True).exists() and order.state == State.COMPLETED

    eventually(corrected, limit=60)
    (new,) = order.executions.filter(superseded=False)
    (old,) = order.executions.filter(superseded=True)
    assert (order.avg_px, new.last_px) == (new.last_px, old.last_px - 1)
    assert sum(counting(order)) == order.cum_qty == 100


def test_a_bust_takes_the_execution_back_without_reviving_the_order(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="bust_execution", delay_ms=50, count=1)
    order = desk.wait(desk.place(), State.CANCELED)
    assert (order.cum_qty, counting(order)) == (0, [0])
    (row,) = gateway.orders_of(order)
    assert (row["status"], Decimal(row["filled"])) == ("Cancelled", 0)


def test_an_execution_corrected_to_the_other_side_leaves_its_order(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="turn_execution", delay_ms=50, count=1)
    order = desk.wait(desk.place(), State.CANCELED)
    (turned,) = Execution.objects.filter(superseded=False)
    assert (turned.side, turned.last_qty, turned.order.source) == ("SELL", 100, Source.EXTERNAL)
    assert (order.cum_qty, counting(order), order.held_for_desk) == (0, [], True)
    assert [Decimal(held["position"]) for held in gateway.control.get("/positions").json()] == [-100]
    desk.wait(turned.order, State.COMPLETED)


def test_a_booked_fill_after_the_cancel_leaves_the_order_canceled(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="fill_after_cancel", fraction=0.4, delay_ms=100, count=1)
    order = desk.wait(desk.rest(), State.PENDING)
    cancel_order(order.id, actor="client:algo", at=timezone.now())
    runtime.look_soon()
    eventually(lambda: order.refresh_from_db() or order.cum_qty == 40, limit=60)
    desk.wait(order, State.CANCELED)
    assert counting(order) == [40]


@pytest.mark.parametrize("code", [105, 201, 2102, 99_999])
def test_a_replace_that_the_gateway_refuses_never_harms_the_order(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, code: int
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="modify_reject", code=code, count=1)
    change = Change(cl_ord_id="R1", order_qty=Decimal(120))
    request = replace_order(order.id, change, actor="client:algo", at=timezone.now()).request

    def answered() -> bool:
        return not OrderRequest.objects.get(pk=request.pk).is_open

    eventually(answered, limit=60)
    request.refresh_from_db()
    order.refresh_from_db()
    taken = request.state == RequestState.ACCEPTED
    # Too early is asked again; a code that nobody knows is looked up, and asked again when not taken.
    assert taken == (code in (2102, 99_999))
    (row,) = gateway.orders_of(order)
    assert (order.state, order.order_qty) == (State.PENDING, Decimal(row["total_quantity"]))
    assert order.order_qty == (120 if taken else 100)
