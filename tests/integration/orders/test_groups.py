"""What the sweep does to groups, without a broker: none keeps another from its turn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from brokers.fix import OrdType, Side
from orders.entry.group_watch import BATCH_SIZE, settle_groups
from orders.entry.groups import GroupTicket, place_group
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.entry.replace import Change, replace_order
from orders.errors import TicketInvalid
from orders.models import Alert, AlertKind, GroupKind, Order, OrderGroup, OrderRequest, Source, State
from orders.sending.claim import sendable


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
