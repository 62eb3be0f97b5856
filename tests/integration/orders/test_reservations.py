"""What an order reserves of limits on use comes back however it ends, and is what a recount finds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from brokers.messages import BrokerEvent, Refusal, WorkingStatus
from brokers.models import Position
from orders.models import ALIVE, Cause, Order
from orders.sending.unknown_outcome import fail_order
from orders.store.orders import store_orders
from orders.store.use import read_use
from tests.integration.orders.test_any_order import (
    AAPL,
    NOW,
    Story,
    desk,  # noqa: F401 - a fixture
)

ACCOUNT = "DU1234567"
WORKING, CANCELED = WorkingStatus.WORKING, WorkingStatus.CANCELED
#: What is told after it works (a status, an error, or an execution's number with its quantity), and then what
#: is held and what works of 100.
ENDS: dict[str, tuple[list[WorkingStatus | Refusal | tuple[str, int]], int, int]] = {
    "executed": ([("01.01", 100)], 100, 0),
    "canceled": ([CANCELED, Refusal.ORDER_CANCELED], 0, 0),
    "canceled after a part": ([("01.01", 40), CANCELED], 40, 0),
    "rejected": ([Refusal.ORDER_REJECTED], 0, 0),
    "expired": ([WorkingStatus.EXPIRED], 0, 0),
    "busted and canceled": ([("01.01", 60), CANCELED, ("01.02", 0)], 0, 0),
    "busted in part": ([("01.01", 30), ("02.01", 60), ("01.02", 0)], 60, 40),
    "busted whole": ([("01.01", 100), ("01.02", 0)], 0, 100),
}


def event(story: Story, told: WorkingStatus | Refusal | tuple[str, int]) -> BrokerEvent:
    if isinstance(told, WorkingStatus):
        return story.status(told)
    if isinstance(told, Refusal):
        return story.error(202 if told == Refusal.ORDER_CANCELED else 201, told)
    return story.execution(*told, 229)


def reserved() -> tuple[int, Decimal]:
    """(open orders, the largest position that may come), as the limits count them."""
    use = read_use({ACCOUNT}, {AAPL.con_id})
    return use.open_orders[ACCOUNT], use.longs[ACCOUNT, AAPL.con_id]


def recounted(orders: Sequence[Order], held: int) -> tuple[int, Decimal]:
    """The same from the orders, one by one."""
    alive = [order for order in orders if order.state in ALIVE]
    return len(alive), held + sum((order.order_qty - order.cum_qty for order in alive), Decimal(0))


@pytest.mark.parametrize("end", ENDS)
def test_what_is_reserved_comes_back_however_an_order_ends(desk: User, end: str) -> None:  # noqa: F811
    told, held, works = ENDS[end]
    other, story = Story(desk), Story(desk)
    assert reserved() == (2, 200)
    story.tell([event(story, one) for one in (WORKING, *told)])
    Position.objects.create(
        account_id=ACCOUNT, con_id=AAPL.con_id, symbol="AAPL", sec_type="STK", currency="USD",
        position_qty=held, avg_cost=1, reported_at=timezone.now(),
    )  # fmt: skip
    assert reserved() == (1 + bool(works), 100 + held + works)
    orders = list(Order.objects.filter(pk__in=[other.order.pk, story.order.pk]))
    assert reserved() == recounted(orders, held)


def test_what_was_given_up_here_reserves_nothing(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=story.order.pk)
        fail_order(order, "STALE", Cause(actor="test", at=NOW))
        store_orders([order])
    assert reserved() == (0, 0)
