"""An order that the gateway does not show: sent again only where that is proof, else held and told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brokers.models import GatewaySession
from brokers.port import Link
from brokers.postgres import clock
from orders.models import Alert, AlertKind, EventKind, Order, State
from orders.session.runtime import SessionRuntime
from tests.examples import more_in_soak
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def fill_unheard(desk: Desk, gateway: Gateway) -> Order:
    """A market order that fills at the gateway in the instant in which the link is cut."""
    gateway.control.fault(kind="cut_in", message="placeOrder", where="after")
    order = desk.place()
    eventually(lambda: [row["status"] for row in gateway.orders_of(order)] == ["Filled"], limit=60)
    return order


def held(order: Order) -> str:
    """Wait until the order is held; why."""

    def why() -> str:
        event = order.events.filter(kind=EventKind.HELD_FOR_DESK).last()
        return event.text if event else ""

    return eventually(why, limit=60)


def assert_once(gateway: Gateway, order: Order) -> None:
    assert [row["place_count"] for row in gateway.orders_of(order)] == [1]
    assert Order.objects.get(pk=order.pk).attempts.count() == 1


def test_lists_that_are_empty_after_a_login_prove_nothing_while_a_position_moved(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="empty_lists", delay_ms=6000)
    order = fill_unheard(desk, gateway)
    assert "the position moved" in held(order)
    gateway.control.fault(kind="empty_lists")  # the lists are whole at last
    runtime.reconcile(full=True)
    desk.wait(order, State.COMPLETED)
    assert_once(gateway, order)


def test_lists_that_are_empty_after_a_login_prove_nothing_before_it_has_settled(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, settings: Any
) -> None:
    settings.SETTLING_TIME = 4.0
    gateway.control.fault(kind="empty_lists", delay_ms=2000)
    gateway.control.fault(kind="cut_in", message="placeOrder", where="after")
    order = desk.wait(desk.rest(), State.PENDING)
    assert not order.events.filter(kind=EventKind.ABSENT).exists()
    assert_once(gateway, order)


def test_a_doubt_that_crosses_the_gateways_midnight_is_a_persons(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="drop_place", count=1)
    order = desk.rest()
    eventually(lambda: Order.objects.get(pk=order.pk).state == State.SENT, limit=60, pause=0.01)
    Order.objects.filter(pk=order.pk).update(claimed_at=clock.now() - timedelta(days=1))
    assert "day has changed" in held(order)
    assert gateway.orders_of(order) == []


def test_a_gateway_of_another_login_is_not_used_and_proves_nothing(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="no_ack", count=1)
    order = desk.rest()
    eventually(lambda: gateway.orders_of(order), limit=60)
    gateway.control.fault(kind="login", accounts="DU7654321")
    alert = eventually(
        lambda: Alert.objects.filter(kind=AlertKind.SESSION, subject="login").first(), limit=60
    )
    assert "logged in to DU7654321, and not to DU1234567" in alert.text
    waiting = desk.rest()
    eventually(lambda: "DU7654321" in GatewaySession.objects.get().link_reason, limit=60)
    assert GatewaySession.objects.get().link == Link.CONNECTED
    assert runtime.reconcile(full=True) is None
    assert not order.events.filter(kind=EventKind.ABSENT).exists()
    gateway.control.fault(kind="login")  # ours again
    desk.wait(order, State.PENDING)
    desk.wait(waiting, State.PENDING)
    assert_once(gateway, order)
    eventually(lambda: Alert.objects.get(pk=alert.pk).cleared_at, limit=60)


@pytest.mark.parametrize("offset", more_in_soak([8], [30, -30]))
def test_a_worker_whose_clock_is_off_proves_nothing_too_early(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime], settings: Any, offset: float
) -> None:
    settings.CLOCK_OFFSET = offset
    settings.ACK_DEADLINE = 30.0
    runtime = new_runtime()
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    desk.know("AAPL", 265598)
    gateway.control.fault(kind="delay_ms", ms=1500)
    order = desk.rest()
    eventually(lambda: Order.objects.get(pk=order.pk).state == State.SENT, limit=60, pause=0.01)
    runtime.reconcile(full=True)
    desk.wait(order, State.PENDING)
    assert not order.events.filter(kind=EventKind.ABSENT).exists()
    assert_once(gateway, order)
    alert = Alert.objects.get(kind=AlertKind.SESSION, subject="clocks")
    assert f"the worker's is {offset:+.1f} s off the database's" in alert.text
    settings.CLOCK_OFFSET = 0
    clock.measure()


def test_a_gateway_whose_clock_is_off_is_told_and_shown(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="clock", offset=-30.0)
    eventually(lambda: runtime.session.clock_ahead < -28, limit=60)
    runtime.clocks.look_after()
    assert "gateway's -" in Alert.objects.get(kind=AlertKind.SESSION, subject="clocks", cleared_at=None).text
    eventually(lambda: GatewaySession.objects.get().health.clocks["gateway"] > 28, limit=60)
    gateway.control.fault(kind="drop_place", count=1)
    order = desk.rest()
    eventually(lambda: runtime.flags.unproven.get(order.id), limit=60)
    assert "clocks" in runtime.flags.unproven[order.id]
