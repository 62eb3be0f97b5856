"""What the sweep does to groups, without a broker: none keeps another from its turn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from brokers.fix import OrdType, Side
from orders.entry.cancel import cancel_order
from orders.entry.group_watch import BATCH_SIZE, settle_groups
from orders.entry.groups import GroupTicket, place_group
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.entry.replace import Change, replace_order
from orders.errors import TicketInvalid
from orders.models import (
    Alert,
    AlertKind,
    GroupKind,
    OcaType,
    Order,
    OrderGroup,
    OrderRequest,
    Source,
    State,
)
from orders.sending.claim import sendable
from tests.integration.orders.raw_words import RawGateway, execution, status


def ticket(name: str, side: Side, quantity: int = 10, **terms: Any) -> Ticket:
    return Ticket(
        cl_ord_id=name,
        account="DU1234567",
        instrument=InstrumentKey(symbol="AAPL"),
        side=side,
        order_qty=Decimal(quantity),
        ord_type=OrdType.STOP if "stop_px" in terms else OrdType.LIMIT,
        **{key: Decimal(value) for key, value in terms.items()},
    )


def bracket(order: Order, name: str, profits: list[int], stops: list[int]) -> list[Order]:
    """An entry for 10 with these exits."""
    orders = (
        ticket(f"{name}E", Side.BUY, price=200),
        *(ticket(f"{name}P{n}", Side.SELL, q, price=300) for n, q in enumerate(profits)),
        *(ticket(f"{name}S{n}", Side.SELL, q, stop_px=150) for n, q in enumerate(stops)),
    )
    group = GroupTicket(list_id=name, kind=GroupKind.BRACKET, orders=orders)
    assert order.client
    return place_group(group, client=order.client, source=Source.API, received_at=timezone.now()).orders


def test_open_brackets_keep_no_broken_one_from_being_taken_back(order: Order) -> None:
    for number in range(BATCH_SIZE):
        bracket(order, f"G{number}", [10], [10])
    exits = Order.objects.filter(group__isnull=False)
    exits.filter(group_rank=0).update(state="COMPLETED", cum_qty=10)
    exits.exclude(group_rank=0).update(state="ACCEPTED")
    assert settle_groups("main") == BATCH_SIZE
    entry, profit, _ = bracket(order, "broken", [10], [10])
    Order.objects.filter(pk=profit.pk).update(state="REJECTED")
    assert settle_groups("main") == 1
    entry.refresh_from_db()
    assert (entry.state, entry.reason_code) == (State.CANCELED, "GROUP_BROKEN")
    assert settle_groups("main") == 0
    assert OrderGroup.objects.get(list_id="broken").settled_at


@pytest.mark.parametrize(
    ("profits", "stops", "field"),
    [
        ([4, 6], [4, 6], ""),
        ([10], [10], ""),
        ([10, 10], [10], ""),
        ([4, 6], [], ""),
        ([4, 6], [10], "orders.3.order_qty"),
        ([4, 6], [4], "orders"),
        ([4, 5], [4, 5], "orders.4.order_qty"),
        ([11], [11], "orders.2.order_qty"),
    ],
)
def test_exits_are_whole_or_legs_that_together_are_the_entry(
    order: Order, profits: list[int], stops: list[int], field: str
) -> None:
    if not field:
        placed = bracket(order, "L", profits, stops)
        names = {one.links.get("oca_group", "") for one in placed[1:]}
        assert len(names) == (1 if 10 in profits else 2)
        return
    with pytest.raises(TicketInvalid) as refused:
        bracket(order, "L", profits, stops)
    assert field in refused.value.errors


def test_exits_that_outlive_the_cancel_of_the_rest_are_made_smaller(order: Order) -> None:
    entry, *exits = bracket(order, "R", [10], [10])
    Order.objects.filter(pk=entry.pk).update(state="CANCELED", cum_qty=3)
    ids = [one.pk for one in exits]
    Order.objects.filter(pk__in=ids).update(state="PENDING", broker_order_id=7)
    settle_groups("main")
    asked = OrderRequest.objects.filter(order__in=ids)
    assert {(one.kind, one.order_qty, one.requested_by) for one in asked} == {("REPLACE", 3, "groups")}
    assert asked.count() == 2
    settle_groups("main")
    assert asked.count() == 2  # what is under way is not asked again


def test_a_resize_that_is_refused_calls_a_person_and_is_not_repeated(order: Order) -> None:
    entry, *exits = bracket(order, "R", [10], [10])
    Order.objects.filter(pk=entry.pk).update(state="CANCELED", cum_qty=3)
    ids = [one.pk for one in exits]
    Order.objects.filter(pk__in=ids).update(state="PENDING", broker_order_id=7)
    settle_groups("main")
    asked = OrderRequest.objects.filter(order__in=ids)
    asked.update(state="REFUSED", reason_text="not now")
    for _ in range(3):
        Order.objects.filter(pk__in=ids).update(version=F("version") + 1)
        settle_groups("main")
    assert asked.count() == 2
    assert Alert.objects.filter(kind=AlertKind.GROUP_BROKEN, order__in=ids, cleared_at=None).count() == 2


def test_a_chain_whose_entry_was_made_smaller_waits_for_its_exits(order: Order) -> None:
    entry = bracket(order, "W", [10], [10])[0]
    change = Change(cl_ord_id="smaller", order_qty=Decimal(4))
    replace_order(entry.id, change, actor="client:algo", at=timezone.now())
    members = list(Order.objects.filter(group=entry.group).order_by("group_rank"))
    assert sendable(GroupKind.BRACKET, members) == []
    settle_groups("main")
    members = list(Order.objects.filter(group=entry.group).order_by("group_rank"))
    assert [one.order_qty for one in members] == [4, 4, 4]
    assert sendable(GroupKind.BRACKET, members) == members


def test_a_chain_goes_out_without_the_exit_that_was_canceled_here(order: Order) -> None:
    entry, profit, _ = bracket(order, "W", [10], [10])
    cancel_order(profit.id, actor="client:algo", at=timezone.now())
    settle_groups("main")
    members = list(Order.objects.filter(group=entry.group).order_by("group_rank"))
    assert [one.cl_ord_id for one in sendable(GroupKind.BRACKET, members)] == ["WE", "WS0"]


# --- what the broker makes of them -------------------------------------------------------------------------
def at_broker(*orders: Order) -> RawGateway:
    """All of them work, from order id 42 on; who tells of them."""
    for number, one in enumerate(orders, start=42):
        numbers = {"perm_id": 1700000000 + number, "broker_order_id": number, "broker_client_id": 1}
        Order.objects.filter(pk=one.pk).update(state=State.PENDING, claimed_at=timezone.now(), **numbers)
        one.refresh_from_db()
    return RawGateway()


def trade(order: Order, shares: int, version: int = 1) -> list[str]:
    number, side = order.broker_order_id, "BOT" if order.side == Side.BUY else "SLD"
    exec_id = f"0000e0d5.6a{number}.01.{version:02}"
    told = {"orderId": number, "permId": order.perm_id, "orderRef": order.order_ref, "side": side}
    return execution(execId=exec_id, shares=shares, **told)


def canceled(*orders: Order) -> list[list[str]]:
    return [status("Cancelled", order_id=one.broker_order_id, perm_id=one.perm_id) for one in orders]


def broken() -> list[str]:
    """What a person is called to, after the sweep has looked."""
    settle_groups("main")
    alerts = Alert.objects.filter(kind=AlertKind.GROUP_BROKEN, cleared_at=None).order_by("id")
    return list(alerts.values_list("text", flat=True))


def test_exits_that_execute_more_than_their_entry_call_a_person(order: Order) -> None:
    entry, profit, stop = bracket(order, "B", [10], [10])
    gateway = at_broker(entry, profit, stop)
    gateway.say(trade(profit, 10))
    assert broken() == []  # the entry's may still be told
    gateway.say(trade(entry, 10), trade(stop, 10))
    assert broken() == ["the exits of list B executed 10 more than their entry"]


@pytest.mark.parametrize("told_first", ["entry", "exits"])
def test_an_entry_busted_after_its_exits_executed_calls_a_person(order: Order, told_first: str) -> None:
    entry, profit, stop = bracket(order, "B", [10], [10])
    gateway = at_broker(entry, profit, stop)
    fills = [trade(entry, 10), trade(profit, 10)]
    gateway.say(*(fills if told_first == "entry" else reversed(fills)), *canceled(stop))
    assert broken() == []
    gateway.say(trade(entry, 4, 2), *canceled(entry))
    assert broken() == ["the exits of list B executed 6 more than their entry"]


def test_what_a_late_execution_explains_is_told_no_more(order: Order) -> None:
    entry, profit, stop = bracket(order, "B", [10], [10])
    gateway = at_broker(entry, profit, stop)
    gateway.say(trade(profit, 4), *canceled(entry, profit, stop))
    assert broken() == ["the exits of list B executed 4 more than their entry"]
    gateway.say(trade(entry, 4))
    assert (broken(), OrderGroup.objects.get().broken) == ([], "")


def test_a_group_that_was_over_is_looked_at_again_after_a_bust(order: Order) -> None:
    entry, profit, stop = bracket(order, "B", [10], [10])
    gateway = at_broker(entry, profit, stop)
    gateway.say(trade(entry, 10), trade(profit, 10), *canceled(stop))
    settle_groups("main")
    assert OrderGroup.objects.get().settled_at
    gateway.say(trade(profit, 0, 2), *canceled(profit))
    assert broken() == ["10 of list B is held without an exit: all have ended"]


@pytest.mark.parametrize("asked", [False, True])
def test_an_entry_that_executes_after_its_exits_ended_calls_a_person(order: Order, asked: bool) -> None:
    entry, *exits = bracket(order, "B", [10], [10])
    gateway = at_broker(entry, *exits)
    if asked:
        cancel_order(exits[0].id, actor="client:algo", at=timezone.now())
    gateway.say(*canceled(entry, *exits))
    settle_groups("main")
    gateway.say(trade(entry, 4))
    assert broken() == ([] if asked else ["4 of list B is held without an exit: all have ended"])


def test_an_entry_taken_back_that_executes_late_calls_a_person(order: Order) -> None:
    entry, *exits = bracket(order, "B", [10], [10])
    gateway = at_broker(entry, *exits)
    gateway.say(*canceled(entry))
    settle_groups("main")
    assert {one.kind for one in OrderRequest.objects.filter(order__in=exits)} == {"CANCEL"}
    gateway.say(*canceled(*exits), trade(entry, 4))
    assert broken() == ["4 of list B is held without an exit: all have ended"]


@pytest.mark.parametrize(
    ("oca_type", "executed", "calls"),
    [
        (OcaType.CANCEL, (10, 10), True),
        (OcaType.CANCEL, (4, 3), True),
        (OcaType.CANCEL, (10, 0), False),
        (OcaType.REDUCE, (4, 6), False),
        (OcaType.REDUCE, (4, 7), True),
        (OcaType.REDUCE_WITHOUT_BLOCK, (10, 10), True),
    ],
)
def test_alternatives_that_execute_together_call_a_person(
    order: Order, oca_type: OcaType, executed: tuple[int, int], calls: bool
) -> None:
    tickets = ticket("A", Side.BUY, price=190), ticket("B", Side.BUY, price=180)
    group = GroupTicket(list_id="O", kind=GroupKind.OCA, oca_type=oca_type, orders=tickets)
    assert order.client
    both = place_group(group, client=order.client, source=Source.API, received_at=timezone.now()).orders
    at_broker(*both).say(*(trade(*one) for one in zip(both, executed, strict=True) if one[1]))
    text = "A and B of list O have executed, though one ends the other"
    assert broken() == ([text] if calls else [])
