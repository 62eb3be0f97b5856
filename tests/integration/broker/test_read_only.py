"""A PostgreSQL that refuses to write, as a demoted primary does: nothing is lost and trading goes on."""

from __future__ import annotations

import signal
import time

import pytest

from brokers.models import GatewaySession
from brokers.postgres import database
from orders.models import State
from orders.session.runtime import SessionRuntime
from tests.examples import more_in_soak
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.outages import (
    WAYS,
    assert_once_each,
    assert_survives,
    read_only,
    seconds_until_sent,
)
from tradedesk.stack.polling import eventually

pytestmark = pytest.mark.usefixtures("connections_that_write")


@pytest.mark.parametrize("way", more_in_soak(["database"], [way for way in WAYS if way != "database"]))
def test_five_seconds_of_read_only_lose_no_order_or_fill(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, way: str
) -> None:
    gap = assert_survives(desk, gateway, runtime, way, seconds=5)
    print(f"\nread-only for 5 s ({way}): the next order at the gateway {gap:.2f} s after its end")


@pytest.mark.parametrize("way", more_in_soak(["system"], [way for way in WAYS if way != "system"]))
def test_an_order_answered_during_read_only_is_sent_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, way: str
) -> None:
    first = desk.wait(desk.rest(), State.PENDING)
    gateway.signal(signal.SIGSTOP)
    order = desk.rest()
    runtime.look_soon()
    desk.wait(order, State.SENT, State.UNCONFIRMED)
    with read_only(way):
        gateway.signal(signal.SIGCONT)
        eventually(lambda: gateway.orders_of(order))
        time.sleep(2)
    gap = seconds_until_sent(desk, gateway, time.monotonic())
    desk.wait(order, State.PENDING)
    assert [len(gateway.orders_of(one)) for one in (first, order)] == [1, 1]
    assert gateway.orders_of(order)[0]["place_count"] == 1
    print(f"\nread-only across a claim ({way}): the next order at the gateway {gap:.2f} s after its end")


@pytest.mark.parametrize("way", more_in_soak(["terminated"], [way for way in WAYS if way != "terminated"]))
def test_read_only_in_a_burst_leaves_every_order_exactly_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, way: str
) -> None:
    orders = [desk.rest() for _ in range(30)]
    runtime.look_soon()
    with read_only(way):
        time.sleep(2)
    database.discard_connection()
    for order in orders:
        desk.wait(order, State.PENDING)
    assert_once_each(gateway, orders)


def test_a_lease_that_expired_during_read_only_is_kept(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    lost: list[bool] = []
    runtime.on_lease_lost = lambda: lost.append(True)
    with read_only("system"):
        time.sleep(runtime.lease.ttl + 1)
    ended = time.monotonic()
    eventually(
        lambda: GatewaySession.objects.filter(lease_until__gt=GatewaySession.objects.get().heartbeat_at)
    )
    assert seconds_until_sent(desk, gateway, ended)
    assert (lost, GatewaySession.objects.get().lease_epoch) == ([], runtime.lease.epoch)
