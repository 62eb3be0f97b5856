"""When the answer does not come: nothing is sent twice, nothing is lost, and what we show is true."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from brokers.gate import lease as leases
from brokers.gate.gateway_calendar import Calendars, GatewayCalendar
from brokers.gate.restart_window import RestartWindow
from brokers.models import GatewaySession
from brokers.port import Link
from orders.desk.decisions import NotHeld, fail_held, send_held_again
from orders.entry.cancel import cancel_order
from orders.models import (
    EventKind,
    OnUnconfirmed,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestState,
    State,
)
from orders.notify import redis_client
from orders.notify.submission_counts import StartedBy
from orders.sending.claim import claim_orders
from orders.session.runtime import SessionRuntime, take_lease
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def test_an_order_whose_answer_was_lost_is_found_not_resent(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="no_ack", count=1)
    order = desk.wait(desk.rest(), State.PENDING)
    assert order.events.filter(kind=EventKind.IN_DOUBT).exists()
    (row,) = gateway.orders_of(order)
    assert row["place_count"] == 1


def test_an_order_that_never_arrived_is_resent_after_two_snapshots(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="drop_place", count=1)
    order = desk.wait(desk.rest(), State.PENDING)
    assert order.events.filter(kind=EventKind.ABSENT).count() == 2
    (row,) = gateway.orders_of(order)
    # No higher id had gone out, so the same one was used: a surviving first copy would be a no-op.
    assert (row["order_id"], row["place_count"], order.attempt) == (order.broker_order_id, 1, 1)


def test_a_resend_behind_later_orders_is_a_new_recorded_attempt(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="drop_place", count=1)
    lost = desk.rest()
    later = desk.wait(desk.rest(), State.PENDING)
    desk.wait(lost, State.PENDING)
    assert lost.order_ref.endswith("-2")
    assert lost.broker_order_id > later.broker_order_id
    assert [a.attempt for a in lost.attempts.all()] == [1, 2]
    assert len(gateway.orders_of(lost)) == 1


def test_the_policy_hold_leaves_an_absent_order_to_the_desk(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = held(desk, gateway)
    runtime.sweep()
    assert desk.wait(order, State.UNCONFIRMED).attempts.count() == 1
    assert gateway.orders_of(order) == []


def test_a_stale_order_is_given_up_and_not_sent_late(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="drop_place", count=1)
    order = desk.wait(desk.rest(max_age=Decimal(1)), State.FAILED)
    assert order.reason_code == "STALE"
    assert gateway.orders_of(order) == []


def test_a_link_cut_in_a_burst_leaves_every_order_exactly_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    orders = [desk.rest() for _ in range(30)]
    runtime.look_soon()
    gateway.control.fault(kind="disconnect")
    orders += [desk.rest() for _ in range(30)]
    for order in orders:
        desk.wait(order, State.PENDING)
    refs = [row["order_ref"].split("-")[0] for row in gateway.control.orders()]
    assert sorted(refs) == sorted(order.order_ref.split("-")[0] for order in orders)


def test_a_second_attempt_is_made_only_where_the_first_never_arrived(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    orders: list[Order] = []
    for _ in range(4):
        orders += [desk.rest() for _ in range(15)]
        runtime.look_soon()
        gateway.control.fault(kind="disconnect")
    for order in orders:
        desk.wait(order, State.PENDING)
        *former, last = order.attempts.all()
        (row,) = gateway.orders_of(order)
        assert (row["order_ref"], row["place_count"]) == (last.order_ref, 1)
        kinds = list(order.events.order_by("version").values_list("kind", flat=True))
        back = [number for number, kind in enumerate(kinds) if kind == EventKind.PUT_BACK]
        assert kinds.count(EventKind.CLAIMED) == 1 + len(back) >= 1 + len(former)
        for number in back:  # nothing left this process, or two whole looks did not show it
            last_heard = kinds[number - 2 : number]
            assert last_heard[1] == EventKind.CLAIMED or last_heard == [EventKind.ABSENT] * 2


def test_no_order_goes_out_while_the_gateway_has_lost_the_broker(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="link_lost")
    eventually(lambda: runtime.session.link is Link.BROKER_LOST)
    order = desk.rest()
    runtime.sweep()
    assert desk.wait(order, State.CREATED).claimed_at is None
    gateway.control.fault(kind="link_restored")
    desk.wait(order, State.PENDING)


def test_an_unsent_order_is_canceled_at_once_and_never_sent(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="link_lost")
    eventually(lambda: runtime.session.link is Link.BROKER_LOST)
    order = desk.rest()
    cancel_order(order.id, actor="test", at=timezone.now())
    gateway.control.fault(kind="link_restored")
    last = desk.wait(desk.rest(), State.PENDING)
    assert desk.wait(order, State.CANCELED).reason_code == "CANCELED_BEFORE_SENDING"
    assert [row["order_ref"] for row in gateway.control.orders()] == [last.order_ref]


def test_a_gateway_that_dies_and_comes_back_keeps_the_order_working(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.kill()
    eventually(lambda: runtime.session.link is Link.DOWN)
    gateway.start()
    eventually(lambda: runtime.session.link is Link.READY)
    cancel_order(order.id, actor="test", at=timezone.now())
    runtime.look_soon()
    desk.wait(order, State.CANCELED)
    assert [row["place_count"] for row in gateway.orders_of(order)] == [1]


def test_a_cancel_whose_answer_was_lost_is_sent_again(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="hang", seconds=3)
    cancel_order(order.id, actor="test", at=timezone.now())
    runtime.look_soon()
    gateway.control.fault(kind="disconnect")
    assert desk.wait(order, State.CANCELED).reason_code == "CANCELED_ON_REQUEST"


@pytest.mark.parametrize("policy", OnUnconfirmed.values)
def test_a_lost_order_with_lost_cancel_is_canceled_not_resent(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, policy: str
) -> None:
    gateway.control.fault(kind="hang", seconds=60)  # nothing is read any more: both are lost with it
    order = desk.rest(on_unconfirmed=policy)
    eventually(lambda: order.events.filter(kind=EventKind.HANDED_OVER).exists())
    request = cancel_order(order.id, actor="client:algo", at=timezone.now())
    eventually(lambda: order.requests.get(pk=request.pk).state == RequestState.SENT)
    gateway.kill()
    gateway.start()
    assert desk.wait(order, State.CANCELED).reason_code == "CANCELED_BEFORE_SENDING"
    eventually(lambda: order.requests.get(pk=request.pk).state == RequestState.ACCEPTED)
    assert gateway.orders_of(order) == []


def test_a_frozen_gateway_is_found_by_probing(desk: Desk, gateway: Gateway, runtime: SessionRuntime) -> None:
    gateway.signal(signal.SIGSTOP)
    eventually(lambda: runtime.session.link is Link.DOWN, limit=60)
    gateway.signal(signal.SIGCONT)
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    assert desk.wait(desk.rest(), State.PENDING).attempts.count() == 1


def test_without_redis_orders_still_go_out(desk: Desk, runtime: SessionRuntime, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.forget_clients()
    try:
        assert desk.wait(desk.rest(), State.PENDING).attempts.count() == 1
    finally:
        redis_client.forget_clients()


def test_many_submissions_at_once_send_each_order_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    orders = [desk.rest() for _ in range(20)]

    def submit() -> None:
        runtime.submit(StartedBy.TASK)
        connection.close()

    threads = [Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for order in orders:
        desk.wait(order, State.PENDING)
    assert len(gateway.control.orders()) == 20
    assert {row["place_count"] for row in gateway.control.orders()} == {1}


def test_a_former_holder_of_the_lease_can_claim_nothing(desk: Desk) -> None:
    former = take_lease("main", 1)
    assert former
    desk.know("AAPL", 265598)
    GatewaySession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert take_lease("main", 1)
    order = desk.rest()
    assert claim_orders(former, limit=10) == []
    assert leases.renew(former) is False
    assert desk.wait(order, State.CREATED)


def test_what_a_killed_holder_said_of_its_link_is_not_believed(desk: Desk) -> None:
    assert take_lease("main", 1)
    GatewaySession.objects.update(link="READY", lease_until=timezone.now() - timedelta(seconds=1))
    assert take_lease("main", 1)
    assert GatewaySession.objects.get().link == "DOWN"


def test_the_next_holder_resolves_what_the_killed_one_left_claimed(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]
) -> None:
    former = take_lease("main", 1)
    assert former
    desk.know("AAPL", 265598)
    order = desk.rest()
    assert [claimed.order_id for claimed in claim_orders(former, limit=10)] == [str(order.id)]
    # Killed here: claimed and committed, no byte sent, lease not given back.
    new_runtime()
    desk.wait(order, State.PENDING)
    assert len(gateway.orders_of(order)) == 1


def test_an_order_of_another_client_is_recorded_and_not_touched(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    perm_id = place_by_hand(gateway, client_id=9)
    eventually(lambda: runtime.reconcile(full=True) and Order.objects.filter(perm_id=perm_id).exists())
    order = Order.objects.get(perm_id=perm_id)
    assert (order.source, order.client, order.state) == ("EXTERNAL", None, State.PENDING)
    assert runtime.reconcile(full=True).ok


def place_by_hand(gateway: Gateway, client_id: int) -> int:
    """Place a resting order with ib_async's own IB class, as some other program would; its permId."""
    import asyncio

    from ib_async import IB, LimitOrder, Stock

    async def place() -> int:
        ib = IB()
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=client_id, timeout=60)
        contract = Stock("MSFT", "SMART", "USD")
        await ib.qualifyContractsAsync(contract)
        trade = ib.placeOrder(contract, LimitOrder("BUY", 5, 1.0, tif="GTC"))
        while trade.orderStatus.status != "Submitted":
            await asyncio.sleep(0.01)
        ib.disconnect()
        return trade.order.permId

    return asyncio.run(place())


def test_the_desk_sends_a_held_order_again(desk: Desk, gateway: Gateway, runtime: SessionRuntime) -> None:
    order = held(desk, gateway)
    send_held_again(order.id, actor="desk", at=timezone.now())
    desk.wait(order, State.PENDING)
    assert len(gateway.orders_of(order)) == 1


def test_the_desk_gives_a_held_order_up(desk: Desk, gateway: Gateway, runtime: SessionRuntime) -> None:
    order = fail_held(held(desk, gateway).id, actor="desk", at=timezone.now())
    assert (order.state, order.reason_code) == (State.FAILED, "NEVER_REACHED_BROKER")
    assert gateway.orders_of(order) == []


def test_the_desk_can_only_decide_about_a_held_order(desk: Desk, runtime: SessionRuntime) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    with pytest.raises(NotHeld):
        send_held_again(order.id, actor="desk", at=timezone.now())


def held(desk: Desk, gateway: Gateway) -> Order:
    """An order that never arrived and whose policy leaves it to the desk."""
    gateway.control.fault(kind="drop_place", count=1)
    order = desk.rest(on_unconfirmed=OnUnconfirmed.HOLD)
    eventually(lambda: Order.objects.get(pk=order.pk).held_for_desk, limit=60)
    return order


def test_a_gateway_of_the_other_kind_of_accounts_is_not_used(
    desk: Desk, gateway: Gateway, settings: Any, new_runtime: Callable[[], SessionRuntime]
) -> None:
    settings.TRADING_MODE = "live"
    desk.know("AAPL", 265598)
    order = desk.rest()
    runtime = new_runtime()
    eventually(lambda: "TRADEDESK_TRADING_MODE is live" in GatewaySession.objects.get().link_reason)
    runtime.sweep()
    assert runtime.session.link is Link.DOWN
    assert desk.wait(order, State.CREATED)
    assert gateway.control.orders() == []


def test_only_cancels_are_sent_around_the_gateways_restart(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, settings: Any
) -> None:
    working = [desk.wait(desk.rest(), State.PENDING) for _ in range(3)]
    now = timezone.now()
    clock = [f"{moment:%H:%M}" for moment in (now - timedelta(minutes=2), now + timedelta(minutes=5))]
    window = RestartWindow.parse(f"{clock[0]}-{clock[1]} UTC")
    settings.GATEWAY_CALENDARS = Calendars(main=GatewayCalendar(restart=window))
    desk.cancel(working[0], runtime)  # a drain that looked at the gate before is over
    order = desk.rest()
    desk.cancel(working[1], runtime)
    desk.cancel(working[2], runtime)  # and the drain that met the order
    assert desk.wait(order, State.CREATED).claimed_at is None
    settings.GATEWAY_CALENDARS = Calendars()
    desk.wait(order, State.PENDING)


def test_a_cancel_refused_while_unconfirmed_is_still_wanted(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, settings: Any
) -> None:
    settings.RESOLUTION_PAUSE = 600.0  # no look before the refusal has been heard
    gateway.control.fault(kind="drop_place", count=1)
    order = desk.wait(desk.rest(), State.SENT, State.UNCONFIRMED)
    request = cancel_order(order.id, actor="test", at=timezone.now())
    runtime.look_soon()
    eventually(lambda: OrderRequest.objects.get(pk=request.pk).state == RequestState.UNCONFIRMED)
    settings.RESOLUTION_PAUSE = 0.3
    desk.wait(order, State.CANCELED)
    eventually(lambda: OrderRequest.objects.get(pk=request.pk).state == RequestState.ACCEPTED)
    assert gateway.orders_of(order) == []


def test_a_cancel_refused_while_unconfirmed_is_resent_once_found(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    request = cancel_order(order.id, actor="test", at=timezone.now())
    OutboxCommand.objects.filter(request=request).update(done_at=timezone.now())
    OrderRequest.objects.filter(pk=request.pk).update(state=RequestState.UNCONFIRMED)
    runtime.reconcile(full=True)
    assert desk.wait(order, State.CANCELED).reason_code == "CANCELED_ON_REQUEST"
