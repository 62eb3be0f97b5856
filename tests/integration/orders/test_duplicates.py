"""One reference, two orders at the broker: one press cancels both, and ours is over when both are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given

from brokers.gate.lease import Lease
from brokers.messages import OrderIdentity, OrderReport, WorkingStatus
from brokers.models import GatewaySession
from orders.entry.cancel import cancel_order
from orders.models import Order, OrderRequest, OutboxCommand, RequestState, State
from orders.sending.claim import claim_cancels
from tests.integration.orders.test_any_order import Story, any_order_with_repeats
from tests.integration.orders.test_quantities import FEW
from tests.integration.orders.test_snapshots import LONG_AGO, TERMS, desk, hear, now_is, shown, working  # noqa: F401


def other(story: Story, status: WorkingStatus = WorkingStatus.WORKING) -> OrderReport:
    """The second order, under a number of its own."""
    identity = OrderIdentity(
        order_ref=story.order.order_ref,
        perm_id=story.identity.perm_id + 1_000_000,
        client_id=1,
        broker_order_id=777,
    )
    return OrderReport(identity=identity, status=status, source="openOrder", terms=TERMS)


def twice(desk: User) -> tuple[Story, OrderRequest]:  # noqa: F811
    """An order that is at the broker twice, and whose cancel is asked."""
    story = working(desk)
    Order.objects.filter(pk=story.order.pk).update(broker_client_id=1, broker_order_id=5)
    hear(other(story))
    return story, cancel_order(story.order.id, actor="desk:ann", at=timezone.now())


def sent_numbers() -> list[int]:
    """The order ids that a cancel goes to when what waits is claimed."""
    OutboxCommand.objects.update(not_before=LONG_AGO)
    return sorted(cancel.broker_order_id for cancel in claim_cancels(lease(), limit=10))


def lease() -> Lease:
    until = timezone.now() + timedelta(minutes=1)
    facts = {"lease_owner": "test", "lease_epoch": 7, "lease_until": until, "client_id": 1}
    GatewaySession.objects.filter(name="main").update(**facts)
    return Lease(name="main", owner="test", epoch=7, ttl=60)


def test_one_press_cancels_both(desk: User) -> None:  # noqa: F811
    story, _ = twice(desk)
    assert sent_numbers() == [5, 777]
    assert now_is(story).held_for_desk


@FEW
@given(indices=any_order_with_repeats(2))
def test_it_is_over_when_both_are_in_any_order(desk: User, indices: list[int]) -> None:  # noqa: F811
    story, request = twice(desk)
    sent_numbers()
    ends = [shown(story, WorkingStatus.CANCELED), other(story, WorkingStatus.CANCELED)]
    heard = set()
    for index in indices:
        hear(ends[index])
        heard.add(index)
        assert (now_is(story).state == State.CANCELED) == (len(heard) == 2)
    request.refresh_from_db()
    assert (request.state, now_is(story).reason_code) == (RequestState.ACCEPTED, "CANCELED_ON_REQUEST")


def test_the_second_of_a_filled_order_can_still_be_canceled(desk: User) -> None:  # noqa: F811
    story = working(desk)
    hear(other(story), story.execution("01.01", 100, 229), story.commission("01.01"))
    Order.objects.filter(pk=story.order.pk).update(broker_client_id=1, broker_order_id=5)
    request = cancel_order(story.order.id, actor="desk:ann", at=timezone.now())
    assert sent_numbers() == [777]
    hear(other(story, WorkingStatus.CANCELED))
    request.refresh_from_db()
    assert (request.state, now_is(story).state) == (RequestState.ACCEPTED, State.COMPLETED)


@pytest.mark.parametrize("named", [True, False])
def test_an_order_that_is_there_once_ends_at_once(desk: User, named: bool) -> None:  # noqa: F811
    story = working(desk)
    hear(shown(story, WorkingStatus.CANCELED) if named else story.status(WorkingStatus.CANCELED))
    assert now_is(story).state == State.CANCELED
