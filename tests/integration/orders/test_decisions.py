"""What the desk decides about a held order, and what the broker says afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from orders.desk.decisions import fail_held, send_held_again
from orders.models import Order, State
from tests.integration.orders.test_snapshots import desk, hear, look, now_is, working  # noqa: F401 - a fixture


@pytest.mark.parametrize("max_age", [1, 90_000])
def test_an_order_sent_again_is_fresh_for_the_default_of_its_type(
    order: Order, settings: Any, max_age: int
) -> None:
    received = timezone.now() - timedelta(seconds=max_age + 5)
    Order.objects.filter(pk=order.pk).update(
        state=State.UNCONFIRMED, held_for_desk=True, absent_rounds=2,
        received_at=received, fresh_until=received + timedelta(seconds=max_age),
    )  # fmt: skip
    at = timezone.now()
    send_held_again(order.id, actor="desk:ann", at=at)
    order.refresh_from_db()
    assert order.state == State.CREATED
    assert order.fresh_until == at + timedelta(seconds=settings.MAX_AGE["LIMIT"])


def test_giving_up_what_has_executed_cancels_it_whatever_comes_later(desk: User) -> None:  # noqa: F811
    story = working(desk)
    hear(story.execution("01.01", 40, 229))
    look()
    look()
    given_up = fail_held(story.order.id, actor="desk:ann", at=timezone.now())
    assert (given_up.state, given_up.reason_code, given_up.cum_qty) == (State.CANCELED, "GONE_AT_BROKER", 40)
    hear(story.commission("01.01"))
    assert (now_is(story).state, now_is(story).held_for_desk) == (State.CANCELED, False)
    hear(story.execution("02.01", 60, 229), story.commission("02.01"))
    assert now_is(story).state == State.COMPLETED
