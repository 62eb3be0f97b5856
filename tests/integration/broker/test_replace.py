"""Replaces over the wire: what the gateway received, how each ended, and what a crash leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from brokers.fix import OrdType, TimeInForce
from orders.entry.cancel import cancel_order
from orders.entry.replace import Change, replace_order
from orders.errors import OrderOver
from orders.models import EventKind, Order, OrderRequest, RequestState, State, TradingState
from orders.sending.claim import claim_replaces
from orders.session.runtime import SessionRuntime, take_lease
from orders.store.states import put_state
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.clients import require
from tradedesk.stack.polling import eventually


def ask(order: Order, name: str = "R1", **terms: Any) -> OrderRequest:
    """Ask for other terms."""
    return replace_order(
        order.id, Change(cl_ord_id=name, **terms), actor="client:algo", at=timezone.now()
    ).request


def answered(request: OrderRequest, *states: RequestState) -> OrderRequest:
    """Until the request is in one of these states."""

    def there() -> bool:
        request.refresh_from_db()
        return request.state in (states or (RequestState.ACCEPTED, RequestState.REFUSED))

    eventually(there, limit=60, pause=0.02)
    return request


def at_gateway(gateway: Gateway, order: Order) -> tuple[Decimal, Decimal]:
    """(quantity, limit) of the order in the gateway's own books."""
    (row,) = gateway.orders_of(order)
    return Decimal(row["total_quantity"]), Decimal(row["limit_price"])


def test_new_quantity_and_price_reach_the_gateway_under_the_same_id(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    request = answered(ask(order, order_qty=Decimal(150), price=Decimal("1.05")))
    assert request.state == RequestState.ACCEPTED
    order.refresh_from_db()
    assert (order.order_qty, order.price, order.state) == (150, Decimal("1.05"), State.PENDING)
    (row,) = gateway.orders_of(order)
    assert (row["order_id"], row["place_count"]) == (order.broker_order_id, 2)
    assert at_gateway(gateway, order) == (150, Decimal("1.05"))


def test_a_stop_and_its_time_in_force_are_replaced(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    stop = (desk.price("AAPL") * 2).quantize(Decimal("0.01"))
    order = desk.wait(desk.place(ord_type=OrdType.STOP, stop_px=stop), State.ACCEPTED)
    wanted = stop + 1
    answered(ask(order, stop_px=wanted, time_in_force=TimeInForce.GTC), RequestState.ACCEPTED)
    order.refresh_from_db()
    assert (order.stop_px, order.time_in_force) == (wanted, "GTC")


def test_two_asked_at_once_go_out_one_after_the_other(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    first = ask(order, "R1", order_qty=Decimal(120))
    second = ask(order, "R2", price=Decimal("1.10"))
    assert (first.orig_cl_ord_id, second.orig_cl_ord_id) == (order.cl_ord_id, "R1")
    assert answered(second).state == answered(first).state == RequestState.ACCEPTED
    assert at_gateway(gateway, order) == (120, Decimal("1.10"))


def test_a_replace_waits_until_the_broker_knows_the_order(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="delay_ms", ms=600)
    order = desk.wait(desk.rest(), State.SENT)
    request = ask(order, order_qty=Decimal(120))
    gateway.control.fault(kind="delay_ms", ms=0)
    assert answered(request).state == RequestState.ACCEPTED
    assert at_gateway(gateway, order)[0] == 120


def test_an_order_that_has_not_left_is_changed_at_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="link_lost")
    eventually(lambda: runtime.session.link == "BROKER_LOST")
    order = desk.rest()
    assert ask(order, order_qty=Decimal(30)).state == RequestState.ACCEPTED
    gateway.control.fault(kind="link_restored")
    desk.wait(order, State.PENDING)
    (row,) = gateway.orders_of(order)
    assert (Decimal(row["total_quantity"]), row["place_count"]) == (30, 1)


def test_a_refused_replace_uses_up_only_its_own_id(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="modify_reject", code=110, count=1)
    refused = answered(ask(order, "R1", price=Decimal("1.02")))
    assert refused.state == RequestState.REFUSED
    assert "110" in refused.reason_text
    order.refresh_from_db()
    assert (order.state, order.price) == (State.PENDING, 1)
    next_one = answered(ask(order, "R2", price=Decimal("1.03")))
    assert (next_one.state, next_one.orig_cl_ord_id) == (RequestState.ACCEPTED, order.cl_ord_id)


def test_a_quantity_that_is_executed_already_cancels_the_balance(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = part_filled(desk, gateway)
    executed = order.cum_qty
    request = answered(ask(order, order_qty=executed))
    assert request.state == RequestState.ACCEPTED
    desk.wait(order, State.FILLED, State.COMPLETED)
    assert (order.reported_qty, order.leaves_qty) == (executed, 0)
    (row,) = gateway.orders_of(order)
    assert row["status"] == "Cancelled"


def part_filled(desk: Desk, gateway: Gateway) -> Order:
    """An order that took what stood at its price, and rests far below a market that went away."""
    limit = desk.price("AAPL").quantize(Decimal("0.01")) + Decimal("0.02")
    order = desk.place(ord_type=OrdType.LIMIT, price=limit, order_qty=Decimal(10_000))
    desk.wait(order, State.PARTIALLY_FILLED)
    price = {"symbol": "AAPL", "price": f"{limit + 20:f}"}
    require(gateway.control.post("/prices", json=price), 200)
    eventually(lambda: order.refresh_from_db() or order.cum_qty == filled_there(gateway, order), limit=60)
    return order


def filled_there(gateway: Gateway, order: Order) -> Decimal:
    (row,) = gateway.orders_of(order)
    return Decimal(row["filled"])


def test_a_filled_order_is_never_raised_even_with_id_free(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.place(), State.COMPLETED)
    gateway.control.fault(kind="ids_reset")
    with pytest.raises(OrderOver):
        ask(order, order_qty=Decimal(200))
    assert len(gateway.orders_of(order)) == 1


def test_a_raise_that_waits_while_the_order_fills_is_too_late(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    put_state("session:main", TradingState.HALTED, by="test", reason="test")
    request = ask(order, order_qty=Decimal(200))
    require(gateway.control.post("/prices", json={"symbol": "AAPL", "price": "0.50"}), 200)
    desk.wait(order, State.COMPLETED)
    gateway.control.fault(kind="ids_reset")
    put_state("session:main", TradingState.ACTIVE, by="test", reason="test")
    assert answered(request).reason_code == "TOO_LATE_TO_REPLACE"
    assert len(gateway.orders_of(order)) == 1


def test_a_paused_session_holds_replaces_back(desk: Desk, gateway: Gateway, runtime: SessionRuntime) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    put_state("session:main", TradingState.HALTED, by="test", reason="test")
    request = ask(order, order_qty=Decimal(120))
    assert claim_replaces(runtime.lease, limit=10) == []
    put_state("session:main", TradingState.ACTIVE, by="test", reason="test")
    assert answered(request).state == RequestState.ACCEPTED
    assert at_gateway(gateway, order)[0] == 120


def test_a_cancel_overtakes_a_replace_that_waits(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="hang", seconds=2)
    first = ask(order, "R1", order_qty=Decimal(120))
    answered(first, RequestState.SENT, RequestState.ACCEPTED)
    second = ask(order, "R2", order_qty=Decimal(130))
    cancel_order(order.id, actor="client:algo", at=timezone.now())
    runtime.look_soon()
    desk.wait(order, State.CANCELED)
    assert answered(second).state == RequestState.REFUSED
    (row,) = gateway.orders_of(order)
    assert row["status"] == "Cancelled"


@pytest.mark.parametrize("kind", ["drop_place", "no_ack"])
def test_one_without_an_answer_is_looked_up_and_takes_effect_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, kind: str
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind=kind, count=1)
    request = answered(ask(order, order_qty=Decimal(120)))
    assert request.state == RequestState.ACCEPTED
    assert order.events.filter(kind=EventKind.REPLACE_IN_DOUBT).exists()
    assert at_gateway(gateway, order)[0] == 120


def test_the_next_holder_resolves_a_killed_workers_claimed_replace(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]
) -> None:
    desk.know("AAPL", 265598)
    runtime = new_runtime()
    order = desk.wait(desk.rest(), State.PENDING)
    runtime.stop()
    former = take_lease("main", 1)
    assert former
    request = ask(order, order_qty=Decimal(120))
    assert [claimed.request_id for claimed in claim_replaces(former, limit=10)] == [str(request.id)]
    # Killed here: claimed and committed, no byte sent, lease not given back.
    new_runtime()
    assert answered(request).state == RequestState.ACCEPTED
    assert at_gateway(gateway, order)[0] == 120
