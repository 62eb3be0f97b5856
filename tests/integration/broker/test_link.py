"""The link to the gateway, and the gateway's own to IB: what is missed meanwhile is asked for afterwards."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from brokers.models import GatewaySession
from brokers.port import Link
from orders.models import Alert, AlertKind, Break, BreakKind, Order, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def move(gateway: Gateway, price: str) -> None:
    """Let the market of AAPL come to this price."""
    gateway.control.post("/prices", json={"symbol": "AAPL", "price": price}).raise_for_status()


def is_filled(gateway: Gateway, order: Order) -> bool:
    return {row["status"] for row in gateway.orders_of(order)} == {"Filled"}


@pytest.mark.parametrize("data_lost", [True, False])  # 1101, 1102
def test_fills_during_an_ib_outage_are_booked_afterwards(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, data_lost: bool
) -> None:
    order = desk.wait(desk.rest(order_qty=Decimal(10)), State.PENDING)
    gateway.control.fault(kind="link_lost")
    eventually(lambda: runtime.session.link is Link.BROKER_LOST)
    move(gateway, "0.50")
    gateway.control.fault(kind="link_restored", data_lost=data_lost)
    assert desk.wait(order, State.COMPLETED).cum_qty == 10
    eventually(lambda: runtime.session.link is Link.READY)


@pytest.fixture
def filled_unseen(desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]) -> Order:
    """An order that was filled while no worker ran."""
    runtime = new_runtime()
    desk.know("AAPL", 265598)
    order = desk.wait(desk.rest(order_qty=Decimal(10)), State.PENDING)
    runtime.stop()
    move(gateway, "0.50")
    eventually(lambda: is_filled(gateway, order))
    return order


def test_fills_while_no_worker_ran_are_booked_by_the_next(
    desk: Desk, filled_unseen: Order, new_runtime: Callable[[], SessionRuntime]
) -> None:
    order = filled_unseen
    new_runtime()
    assert desk.wait(order, State.COMPLETED).cum_qty == 10


def test_fills_in_a_gap_across_midnight_wait_for_a_person(
    gateway: Gateway, filled_unseen: Order, new_runtime: Callable[[], SessionRuntime]
) -> None:
    order = filled_unseen
    gateway.control.fault(kind="midnight")
    new_runtime()
    eventually(lambda: Order.objects.get(pk=order.pk).held_for_desk, limit=60)
    assert Order.objects.get(pk=order.pk).cum_qty == 0  # the gateway shows no execution of yesterday
    assert Break.objects.filter(kind=BreakKind.ORDER, order=order, closed_at=None).exists()


def test_our_ids_go_on_when_the_gateway_resets_its_own(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    first = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="ids_reset")
    gateway.control.fault(kind="disconnect")
    second = desk.wait(desk.rest(), State.PENDING)
    assert first.broker_order_id and second.broker_order_id
    assert second.broker_order_id > first.broker_order_id
    assert GatewaySession.objects.get().next_broker_order_id > second.broker_order_id


@pytest.mark.parametrize("code", [399, 10148, 161, 10349, 10999])
def test_a_misleading_code_does_not_end_a_working_order(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, code: int
) -> None:
    gateway.control.fault(kind="order_notice", code=code, count=1)
    order = desk.wait(desk.rest(), State.PENDING)
    eventually(lambda: order.events.filter(data__code=code).exists())
    runtime.reconcile(full=True)
    desk.wait(order, State.PENDING)
    assert Alert.objects.filter(kind=AlertKind.UNKNOWN_CODE, order=order).exists() is (code == 10999)
