"""Order ids near the end of int32: nothing is sent, a person is told, and a reset at the gateway heals it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from brokers.gate.order_ids import LAST_ORDER_ID, USED_UP_FROM
from brokers.models import GatewaySession
from brokers.port import Link
from orders.models import Alert, AlertKind, Order, State
from orders.sending import order_ids
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk, has_prices
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.proxy import Frame, Proxy, kind, message
from tradedesk.stack.polling import eventually

NEXT_VALID_ID = "9"


@pytest.fixture
def proxy(gateway: Gateway) -> Iterator[Proxy]:
    """Between the session and its gateway."""
    proxy = Proxy(gateway.port)
    proxy.start()
    gateway.port = proxy.port
    yield proxy
    proxy.stop()


def name_ids(proxy: Proxy, number: int) -> None:
    """Every connection is told that this is the next valid id."""

    def changed(frame: Frame) -> list[Frame]:
        return [message(NEXT_VALID_ID, 1, number)] if kind(frame) == NEXT_VALID_ID else [frame]

    proxy.filter = changed


def alerts() -> list[Alert]:
    found = Alert.objects.filter(kind=AlertKind.SESSION, subject=order_ids.SUBJECT, cleared_at=None)
    return list(found)


def ready(runtime: SessionRuntime) -> None:
    eventually(lambda: runtime.session.link is Link.READY and has_prices(), limit=60)


@pytest.mark.parametrize("number", [USED_UP_FROM, 2**31 - 2])
def test_ids_at_the_end_of_int32_stop_new_orders_until_a_reset(
    desk: Desk, gateway: Gateway, proxy: Proxy, new_runtime: Callable[[], SessionRuntime], number: int
) -> None:
    name_ids(proxy, number)
    runtime = new_runtime()
    ready(runtime)
    orders = [desk.rest() for _ in range(3)]
    eventually(alerts, limit=60)
    runtime.sweep()
    assert {Order.objects.get(pk=order.pk).state for order in orders} == {State.CREATED}
    assert GatewaySession.objects.get().next_broker_order_id < LAST_ORDER_ID
    name_ids(proxy, 1)
    proxy.cut()
    for order in orders:
        desk.wait(order, State.PENDING)
    eventually(lambda: not alerts(), limit=60)


@pytest.mark.parametrize("number", [USED_UP_FROM, LAST_ORDER_ID + 1])
def test_a_counter_at_its_end_sends_nothing_and_says_so(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, number: int
) -> None:
    GatewaySession.objects.update(next_broker_order_id=number)
    order = desk.rest()
    runtime.sweep()
    assert desk.wait(order, State.CREATED).broker_order_id is None
    eventually(alerts, limit=60)


def test_a_counter_poisoned_by_others_goes_on_behind_our_own_ids(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    ours = desk.wait(desk.rest(), State.PENDING).broker_order_id
    GatewaySession.objects.update(next_broker_order_id=2**31)
    order_ids.restore("main")
    assert GatewaySession.objects.get().next_broker_order_id == (ours or 0) + 1
