"""A former holder of the lease writes nothing: not to the gateway, and not about the session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest
from django.utils import timezone

from brokers.models import GatewaySession, LinkChange
from brokers.port import Link
from orders.models import EventKind, Order, State
from orders.sending.claim import claim_orders
from orders.session.runtime import SessionRuntime, take_lease
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def somebody_else_takes(runtime: SessionRuntime) -> None:
    """As after a freeze: the lease ran out, and another process has it; the former holder does not know."""
    GatewaySession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert take_lease("main", 1)


def no_renewal(runtime: SessionRuntime, patch: pytest.MonkeyPatch) -> None:
    asked = Event()
    patch.setattr("orders.session.runtime.leases.renew", lambda lease: asked.set() or True)
    assert asked.wait(60)  # a renewal that was under way would open the fence again
    runtime.lease.fence.shut()


def test_what_was_claimed_before_a_freeze_is_not_written_after_it(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_renewal(runtime, monkeypatch)
    runtime.submitter.stopping = True  # this test claims
    order = desk.rest()
    (claimed,) = claim_orders(runtime.lease, limit=10)
    (answer,) = runtime.session.place([claimed])
    assert "not renewed in time" in str(answer.error)
    assert gateway.orders_of(order) == []


def test_a_fence_that_is_shut_requeues_until_the_lease_is_renewed(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        no_renewal(runtime, patch)
        order = desk.rest()
        runtime.look_soon()
        eventually(lambda: order.events.filter(kind=EventKind.PUT_BACK).exists(), limit=60)
    desk.wait(order, State.PENDING)
    (row,) = gateway.orders_of(order)
    assert row["place_count"] == 1


def test_a_former_holder_does_not_put_back_what_its_successor_has_sent(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_renewal(runtime, monkeypatch)
    place = runtime.session.place

    def frozen_meanwhile(orders: object) -> object:
        somebody_else_takes(runtime)
        return place(orders)  # type: ignore[arg-type]

    monkeypatch.setattr(runtime.session, "place", frozen_meanwhile)
    order = desk.rest()
    runtime.look_soon()
    eventually(lambda: runtime.submitter.stopping, limit=60)
    order.refresh_from_db()
    assert order.state == State.SENT
    assert gateway.orders_of(order) == []


def test_a_former_holder_that_stops_leaves_the_session_and_its_orders_alone(
    desk: Desk, new_runtime: Callable[[], SessionRuntime], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.know("AAPL", 265598)
    former = new_runtime()
    eventually(lambda: former.session.link is Link.READY, limit=60)
    no_renewal(former, monkeypatch)
    somebody_else_takes(former)
    order = desk.rest()
    Order.objects.filter(pk=order.pk).update(state=State.SENT, claimed_at=timezone.now(), lease_epoch=99)
    GatewaySession.objects.update(link="READY", link_reason="the successor's")
    changes = LinkChange.objects.count()
    former.stop()
    row = GatewaySession.objects.get()
    assert (row.link, row.link_reason, LinkChange.objects.count()) == ("READY", "the successor's", changes)
    assert Order.objects.get(pk=order.pk).state == State.SENT


def test_a_former_holder_concludes_nothing_from_its_snapshots(
    desk: Desk, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_renewal(runtime, monkeypatch)
    somebody_else_takes(runtime)
    assert runtime.reconcile(full=True) is None
