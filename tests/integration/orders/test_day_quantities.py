"""Orders that live several days: what is ordered and executed on the last of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from msgspec.structs import replace

from brokers.fix import TimeInForce
from brokers.messages import ExecutionReport
from orders.api.resources import order_document
from orders.models import Order
from tests.examples import examples
from tests.integration.orders.test_any_order import (
    QUIET,
    Story,
    any_order_with_repeats,
    desk,  # noqa: F401 - a fixture
)

FEW = examples(10, QUIET)


def on_day(report: ExecutionReport, ago: int) -> ExecutionReport:
    return replace(report, transact_time=timezone.now() - timedelta(days=ago))


def lasting(client: User) -> Story:
    """An order good till canceled."""
    story = Story(client)
    Order.objects.filter(pk=story.order.pk).update(time_in_force=TimeInForce.GTC)
    return story


def day_of(order: Order) -> tuple[Decimal, Decimal, Decimal]:
    day = order.day_quantities(timezone.now())
    return day.order_qty, day.cum_qty, day.avg_px


@FEW
@given(indices=any_order_with_repeats(4))
def test_days_are_the_same_whatever_comes_first(desk: User, indices: list[int]) -> None:  # noqa: F811
    story = lasting(desk)
    history = [
        on_day(story.execution("01.01", 40, 229), 2),
        on_day(story.execution("01.02", 30, 229), 0),  # corrected today: it counts for its own day
        on_day(story.execution("02.01", 10, 231), 1),
        on_day(story.execution("03.01", 20, 230), 0),
    ]
    order = story.tell([history[index] for index in indices])
    assert (order.cum_qty, *day_of(order)) == (60, 60, 20, 230)


def test_a_new_day_begins_with_nothing_executed(desk: User) -> None:  # noqa: F811
    story = lasting(desk)
    order = story.tell([on_day(story.execution("01.01", 40, 229), 1)])
    assert day_of(order) == (60, 0, 0)
    document = order_document(order, [])
    assert (document["day_order_qty"], document["day_cum_qty"], document["day_avg_px"]) == ("60", "0", "0")


def test_a_filled_order_keeps_its_last_day(desk: User) -> None:  # noqa: F811
    story = lasting(desk)
    order = story.tell(
        [on_day(story.execution("01.01", 40, 229), 3), on_day(story.execution("02.01", 60, 230), 2)]
    )
    assert day_of(order) == (60, 60, 230)


def test_an_order_of_one_day_is_all_of_that_day(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    order = story.tell([on_day(story.execution("01.01", 40, 229), 1)])
    assert day_of(order) == (100, 40, 229)
