"""A gateway that takes orders and answers none: few are put in doubt, the rest wait, fresh."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from brokers.gate.breaker import BreakerState
from brokers.models import GatewaySession
from brokers.port import Link
from orders.models import IfBrokerDown, Order, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk, has_prices
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def opened(desk: Desk, gateway: Gateway, start: Callable[[], SessionRuntime]) -> SessionRuntime:
    """A session whose breaker two unanswered orders have opened."""
    runtime = start()
    eventually(lambda: runtime.session.link is Link.READY and has_prices(), limit=60)
    gateway.control.fault(kind="drop_place", count=2)
    for _ in range(2):
        desk.rest()
    eventually(lambda: runtime.breaker.state is BreakerState.OPEN, limit=60)
    return runtime


def test_it_opens_holds_orders_back_and_closes_with_the_first_answer(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime], settings: Any
) -> None:
    settings.BREAKER_THRESHOLD, settings.BREAKER_COOL_DOWN = 2, 600.0
    runtime = opened(desk, gateway, new_runtime)
    late = [desk.rest() for _ in range(5)]
    runtime.sweep()
    assert not Order.objects.filter(pk__in=[order.pk for order in late]).exclude(state=State.CREATED)
    runtime.breaker.cool_down = 0.0
    for order in late:
        desk.wait(order, State.PENDING)
    assert runtime.breaker.state is BreakerState.CLOSED
    eventually(lambda: Order.objects.filter(state=State.PENDING).count() == 7, limit=60)
    assert len(gateway.control.orders()) == 7


def test_an_order_may_ask_to_be_refused_while_open(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime], settings: Any
) -> None:
    settings.BREAKER_THRESHOLD, settings.BREAKER_COOL_DOWN = 2, 600.0
    opened(desk, gateway, new_runtime)
    eventually(lambda: GatewaySession.objects.get().breaker == BreakerState.OPEN)
    order = desk.rest(if_broker_down=IfBrokerDown.REJECT)
    assert (order.state, order.reason_code) == (State.REJECTED, "BROKER_DOWN")


def test_a_gateway_outage_opens_it_and_orders_flow_afterwards(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime], settings: Any
) -> None:
    settings.BREAKER_THRESHOLD, settings.BREAKER_COOL_DOWN = 2, 600.0
    runtime = new_runtime()
    eventually(lambda: runtime.session.link is Link.READY and has_prices(), limit=60)
    gateway.kill()
    eventually(lambda: GatewaySession.objects.get().breaker == BreakerState.OPEN, limit=60)
    refused = desk.rest(if_broker_down=IfBrokerDown.REJECT)
    assert (refused.state, refused.reason_code) == (State.REJECTED, "BROKER_DOWN")
    waiting = [desk.rest() for _ in range(3)]
    gateway.start()
    for order in waiting:
        desk.wait(order, State.PENDING)
    eventually(lambda: GatewaySession.objects.get().breaker == BreakerState.CLOSED, limit=60)


def test_an_order_that_grew_stale_while_open_is_not_sent(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime], settings: Any
) -> None:
    settings.BREAKER_THRESHOLD, settings.BREAKER_COOL_DOWN = 2, 600.0
    runtime = opened(desk, gateway, new_runtime)
    stale = desk.wait(desk.rest(max_age=Decimal(1)), State.FAILED)
    assert stale.reason_code == "STALE"
    runtime.breaker.cool_down = 0.0
    desk.wait(desk.rest(), State.PENDING)
    assert gateway.orders_of(stale) == []
