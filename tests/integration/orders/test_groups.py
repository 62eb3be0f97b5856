"""What the sweep does to groups, without a broker: none keeps another from its turn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from brokers.fix import OrdType, Side
from orders.entry.group_watch import BATCH_SIZE, settle_groups
from orders.entry.groups import GroupTicket, place_group
from orders.entry.ticket import InstrumentKey, Ticket
from orders.errors import TicketInvalid
from orders.models import GroupKind, Order, OrderGroup, Source, State


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
