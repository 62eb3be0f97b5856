"""Brackets and groups at an unkind gateway: exits follow, siblings end together, people are told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from brokers.fix import OrdType, Side
from orders.entry.cancel import cancel_order, canceled_with
from orders.entry.groups import GroupTicket, place_group
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.entry.replace import Change, replace_order
from orders.errors import CancelsOthers, TicketInvalid
from orders.models import Alert, AlertKind, GroupKind, Order, Source, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import ACCOUNT, Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.clients import require
from tradedesk.stack.polling import eventually

THERE = (State.ACCEPTED, State.PENDING)


def ticket(name: str, side: Side, quantity: int, **terms: Any) -> Ticket:
    what = {"account": ACCOUNT, "instrument": InstrumentKey(symbol="AAPL"), "order_qty": Decimal(quantity)}
    kind = OrdType.STOP if "stop_px" in terms else OrdType.LIMIT if "price" in terms else OrdType.MARKET
    prices = {key: Decimal(value) for key, value in terms.items()}
    return Ticket(cl_ord_id=name, side=side, ord_type=kind, **what, **prices)


def place(desk: Desk, *tickets: Ticket, kind: GroupKind = GroupKind.BRACKET) -> list[Order]:
    group = GroupTicket(list_id=f"list-{tickets[0].cl_ord_id}", kind=kind, orders=tickets)
    return place_group(group, client=desk.client, source=Source.API, received_at=timezone.now()).orders


def bracket(desk: Desk, entry_px: Decimal | int = 200, *quantities: int) -> list[Order]:
    """Buy at a limit; a take profit above and a stop below for each quantity."""
    quantities = quantities or (100,)
    profits = [ticket(f"P{n}", Side.SELL, q, price=300 + n) for n, q in enumerate(quantities)]
    stops = [ticket(f"S{n}", Side.SELL, q, stop_px=150) for n, q in enumerate(quantities)]
    entry = ticket("E", Side.BUY, sum(quantities), price=entry_px)
    orders = place(desk, entry, *profits, *stops)
    for order in orders:
        desk.wait(order, *THERE, State.PARTIALLY_FILLED, State.COMPLETED)
    return orders


def move(gateway: Gateway, price: str) -> None:
    require(gateway.control.post("/prices", json={"symbol": "AAPL", "price": price}), 200)


def at_gateway(gateway: Gateway, *orders: Order) -> list[Decimal]:
    """What each may execute, in the gateway's own books."""
    return [Decimal(gateway.orders_of(order)[0]["total_quantity"]) for order in orders]


def replace(order: Order, quantity: int) -> None:
    change = Change(cl_ord_id=f"R{order.cl_ord_id}-{quantity}", order_qty=Decimal(quantity))
    replace_order(order.id, change, actor="client:algo", at=timezone.now())


def test_a_cancel_of_one_exit_says_what_goes_with_it_and_follows_it(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    entry, profit, stop = bracket(desk)
    assert canceled_with(Order.objects.get(pk=stop.pk)) == [profit]
    assert canceled_with(Order.objects.get(pk=entry.pk)) == [profit, stop]
    with pytest.raises(CancelsOthers):
        cancel_order(stop.id, actor="client:algo", at=timezone.now(), alone=True)
    cancel_order(stop.id, actor="client:algo", at=timezone.now())
    runtime.look_soon()
    desk.wait(stop, State.CANCELED)
    desk.wait(profit, State.CANCELED)
    assert (stop.reason_code, profit.reason_code) == ("CANCELED_ON_REQUEST", "CANCELED_WITH_GROUP")
    assert "S0" in profit.reason_text
    assert desk.wait(entry, State.PENDING)


def test_a_cancel_of_one_of_a_group_says_so_and_follows_it(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    low, high = place(
        desk,
        ticket("A", Side.BUY, 10, price=100),
        ticket("B", Side.BUY, 10, stop_px=400),
        kind=GroupKind.OCA,
    )
    for order in (low, high):
        desk.wait(order, *THERE)
    assert canceled_with(low) == [high]
    cancel_order(low.id, actor="client:algo", at=timezone.now())
    runtime.look_soon()
    assert desk.wait(high, State.CANCELED).reason_code == "CANCELED_WITH_GROUP"


@pytest.mark.parametrize("quantity", [150, 40])
def test_exits_follow_a_replace_of_their_entry(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, quantity: int
) -> None:
    entry, profit, stop = bracket(desk)
    replace(entry, quantity)
    assert eventually(lambda: at_gateway(gateway, entry, profit, stop) == [quantity] * 3, limit=60)


def test_exits_become_smaller_before_their_entry_does(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    entry, profit, stop = bracket(desk)
    gateway.control.fault(kind="late_request", message="placeOrder", side="SELL", delay_ms=1500, count=2)
    replace(entry, 40)
    seen = []

    def is_smaller() -> bool:
        seen.append(at_gateway(gateway, entry, profit, stop))
        return seen[-1] == [40] * 3

    eventually(is_smaller, limit=60)
    assert all(max(exits) <= whole for whole, *exits in seen)


def test_exits_grow_back_when_their_entry_was_not_made_smaller(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    entry, profit, stop = bracket(desk)
    gateway.control.fault(kind="modify_reject", side="BUY", code=201, count=1)
    replace(entry, 40)
    eventually(lambda: entry.requests.filter(state="REFUSED").exists(), limit=60)
    assert eventually(lambda: at_gateway(gateway, entry, profit, stop) == [100] * 3, limit=60)


def test_an_exit_cannot_be_raised_above_its_entry(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    _, profit, _ = bracket(desk)
    with pytest.raises(TicketInvalid):
        replace(profit, 101)


def test_each_of_two_take_profits_ends_its_own_stop(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    entry, first, second, stop, second_stop = bracket(desk, 200, 40, 60)
    move(gateway, "199")
    desk.wait(entry, State.COMPLETED)
    move(gateway, "300.5")
    desk.wait(first, State.COMPLETED)
    desk.wait(stop, State.CANCELED)
    assert (stop.reason_code, stop.reason_text.split()[5]) == ("CANCELED_WITH_GROUP", "P0")
    assert at_gateway(gateway, second, second_stop) == [60, 60]
    assert {desk.wait(order, *THERE).state for order in (second, second_stop)} <= set(THERE)


def test_a_position_whose_exits_the_broker_ended_calls_a_person(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    limit = desk.price("AAPL").quantize(Decimal("0.01")) + Decimal("0.02")
    entry, profit, stop = bracket(desk, limit, 10_000)
    desk.wait(entry, State.PARTIALLY_FILLED)
    move(gateway, f"{limit + 20}")
    cancel_order(entry.id, actor="client:algo", at=timezone.now())
    runtime.look_soon()
    for order in (entry, profit, stop):
        desk.wait(order, State.CANCELED)
    assert profit.reason_code == "CANCELED_WITH_GROUP"
    eventually(lambda: Alert.objects.filter(kind=AlertKind.GROUP_BROKEN, order=entry).exists(), limit=60)
