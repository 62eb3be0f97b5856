"""The database itself keeps the history of orders and the sense of their quantities."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from orders.models import Order, OrderEvent


def truncate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the test's own inserts are in the way
        cursor.execute("SET LOCAL tradedesk.may_truncate = 'off'")
        cursor.execute("TRUNCATE orders_orderevent")


@pytest.mark.parametrize(
    "change",
    [
        lambda: OrderEvent.objects.update(text="otherwise"),
        lambda: OrderEvent.objects.all().delete(),
        truncate,
    ],
    ids=["update", "delete", "truncate"],
)
def test_what_happened_can_not_be_changed(order: Order, change: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        change()
    assert order.events.get().kind == "RECORDED"


@pytest.mark.parametrize(
    "facts",
    [
        {"cum_qty": Decimal(11)},
        {"cum_qty": Decimal(-1)},
        {"order_qty": Decimal(0)},
        {"state": "FILLED", "cum_qty": Decimal(9)},
    ],
)
def test_quantities_that_make_no_sense_are_refused(order: Order, facts: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="order_"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**facts)


def test_a_late_fill_may_exceed_the_quantity_of_a_dead_order(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(state="FILLED", cum_qty=Decimal(12))
    assert Order.objects.get().leaves_qty == 0
