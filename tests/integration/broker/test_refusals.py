"""What the gateway refuses: by code and absence, not by a table; and what only looks like a refusal."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import timezone

from brokers.fix import OrdType, Side
from orders.entry.cancel import cancel_order
from orders.entry.groups import GroupTicket, place_group
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.entry.replace import Change, replace_order
from orders.models import GroupKind, Order, OrderRequest, RequestState, Source, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import ACCOUNT, Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


@pytest.mark.parametrize(("code", "ord_type"), [(10289, OrdType.MARKET), (461, OrdType.LIMIT)])
def test_a_refusal_under_an_unlisted_code_is_sent_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, code: int, ord_type: OrdType
) -> None:
    gateway.control.fault(kind="refuse_place", code=code, text="Not like this.", count="always")
    price = Decimal(200) if ord_type == OrdType.LIMIT else None
    order = desk.wait(desk.place(ord_type=ord_type, price=price), State.REJECTED, State.FAILED)
    found = (order.state, order.reason_code, order.reason_text)
    assert found == (State.REJECTED, "BROKER_REJECTED", f"{code}: Not like this.")
    assert len(gateway.control.get("/strikes").json()) == 1


def test_an_unlisted_code_about_an_order_that_lives_ends_nothing(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="order_notice", code=10052, text="Invalid time.", count=1)
    order = desk.wait(desk.rest(), State.PENDING)
    eventually(lambda: order.events.filter(data__code=10052).exists())
    for _ in range(3):
        runtime.reconcile(full=True)
    assert desk.wait(order, State.PENDING).attempts.count() == 1


def test_an_order_that_got_lost_after_a_refused_one_is_still_sent_again(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="refuse_place", code=10289, count=1)
    desk.wait(desk.rest(), State.REJECTED)
    gateway.control.fault(kind="drop_place", count=1)
    assert desk.wait(desk.rest(), State.PENDING).attempts.count() == 2


def test_a_cancel_that_is_under_way_already_is_accepted_when_it_ends(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="cancel_pending", delay_ms=1500)
    request = cancel_order(order.id, actor="client:algo", at=timezone.now())
    runtime.look_soon()
    eventually(lambda: order.events.filter(data__code=10148).exists())
    request.refresh_from_db()
    assert request.state == RequestState.SENT
    desk.wait(order, State.CANCELED)
    request.refresh_from_db()
    assert (request.state, order.reason_code) == (RequestState.ACCEPTED, "CANCELED_ON_REQUEST")


def test_a_cancel_that_got_lost_on_a_living_connection_is_asked_again(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ACK_DEADLINE", 0.2)
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="drop_request", message="cancelOrder", count=1)
    cancel_order(order.id, actor="client:algo", at=timezone.now())
    runtime.look_soon()
    eventually(lambda: len(gateway.control.get("/strikes").json()) == 1)

    def is_accepted() -> bool:
        runtime.reconcile(full=True)
        return order.requests.get().state == RequestState.ACCEPTED

    eventually(is_accepted, limit=60)
    assert desk.wait(order, State.CANCELED).reason_code == "CANCELED_ON_REQUEST"


def bracket(desk: Desk) -> list[Order]:
    """An entry at the market with a take profit far above it and a stop far below."""
    base = {"account": ACCOUNT, "instrument": InstrumentKey(symbol="AAPL"), "order_qty": Decimal(10)}
    desk.count += 1
    name = f"G{desk.count}"
    tickets = (
        Ticket(cl_ord_id=f"{name}-0", side=Side.BUY, ord_type=OrdType.MARKET, **base),
        Ticket(cl_ord_id=f"{name}-1", side=Side.SELL, ord_type=OrdType.LIMIT, price=Decimal(300), **base),
        Ticket(cl_ord_id=f"{name}-2", side=Side.SELL, ord_type=OrdType.STOP, stop_px=Decimal(150), **base),
    )
    ticket = GroupTicket(list_id=name, kind=GroupKind.BRACKET, orders=tickets)
    return place_group(ticket, client=desk.client, source=Source.API, received_at=timezone.now()).orders


def answered(request: OrderRequest) -> OrderRequest:
    def over() -> bool:
        request.refresh_from_db()
        return request.state in (RequestState.ACCEPTED, RequestState.REFUSED)

    eventually(over, limit=60, pause=0.02)
    return request


def test_an_exit_of_a_filled_bracket_is_replaced_without_its_parent(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    entry, profit, stop = bracket(desk)
    desk.wait(entry, State.COMPLETED)
    for number, (order, terms) in enumerate([(profit, {"price": 310}), (stop, {"stop_px": 140})]):
        desk.wait(order, State.PENDING, State.ACCEPTED)
        change = Change(cl_ord_id=f"R{number}", **{name: Decimal(value) for name, value in terms.items()})
        request = replace_order(order.id, change, actor="client:algo", at=timezone.now()).request
        assert answered(request).state == RequestState.ACCEPTED, request.reason_text
    (row,) = gateway.orders_of(profit)
    assert Decimal(row["limit_price"]) == 310
