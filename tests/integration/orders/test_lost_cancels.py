"""A cancel that the gateway never answers: asked again ever more slowly, and a person is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.errors import BrokerUnavailable
from brokers.gate.lease import Lease
from brokers.messages import CancelOrder, WorkingStatus
from brokers.port import Sent
from orders.entry.cancel import cancel_order
from orders.models import Alert, AlertKind, OutboxCommand, RequestState
from orders.reconciliation import lost_cancels
from orders.sending import answers
from tests.integration.orders.test_any_order import Story
from tests.integration.orders.test_duplicates import other, twice
from tests.integration.orders.test_snapshots import desk, hear, look, shown, working

__all__ = ["desk"]


def send(story: Story, seconds_ago: float) -> None:
    """As the claim does: the waiting cancel goes out, so long ago."""
    at = timezone.now() - timedelta(seconds=seconds_ago)
    story.order.requests.update(state=RequestState.SENT, sent_at=at)
    OutboxCommand.objects.filter(request__order=story.order).update(done_at=at)


def times_asked(story: Story) -> int:
    return OutboxCommand.objects.filter(request__order=story.order).count()


@pytest.fixture
def canceling(desk: User) -> Story:
    """An order that works, whose cancel was just sent."""
    story = working(desk)
    cancel_order(story.order.id, actor="client:algo", at=timezone.now())
    send(story, 0)
    return story


def told() -> list[tuple[str, bool]]:
    found = Alert.objects.filter(kind=AlertKind.CANCEL_UNANSWERED)
    return [(alert.text, alert.cleared_at is None) for alert in found]


def test_each_cancel_without_an_answer_is_waited_for_twice_as_long(canceling: Story) -> None:
    for asked in range(1, 6):
        patience = settings.ACK_DEADLINE * 2 ** (asked - 1)
        send(canceling, patience - 2)
        look(shown(canceling))
        assert times_asked(canceling) == asked
        send(canceling, patience + 2)
        look(shown(canceling))
        assert times_asked(canceling) == asked + 1


def test_it_is_asked_every_five_minutes_at_last() -> None:
    assert lost_cancels.pause(3) == timedelta(seconds=settings.ACK_DEADLINE * 4)
    assert lost_cancels.pause(10_000) == timedelta(minutes=5)


def test_a_lost_cancel_of_the_other_order_behind_a_reference_is_asked_again(desk: User) -> None:
    story, _ = twice(desk)
    send(story, 3600)
    look(other(story), shown(story, WorkingStatus.CANCELED, source="completedOrder"))
    assert times_asked(story) == 2


def test_a_person_is_told_after_the_third_until_it_is_answered(canceling: Story) -> None:
    for asked in range(1, 4):
        assert told() == []
        send(canceling, 3600)
        look(shown(canceling))
        assert times_asked(canceling) == asked + 1
    lost_cancels.clear_answered("main")
    ((text, is_open),) = told()
    assert "3 cancels" in text and is_open
    hear(shown(canceling, WorkingStatus.CANCELED))
    lost_cancels.clear_answered("main")
    assert told() == [(text, False)]


def test_a_cancel_that_never_left_does_not_count_as_asked(
    canceling: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers.leases, "require", lambda lease: None)
    lease: Any = Lease
    key = str(canceling.order.id)
    for _ in range(3):
        send(canceling, 0)
        unsent = Sent(order_id=key, error=BrokerUnavailable("down"))
        answers.record_cancels(lease, [CancelOrder(order_id=key, broker_order_id=1)], [unsent])
        assert canceling.order.requests.get().state == RequestState.REQUESTED
    assert OutboxCommand.objects.get(request__order=canceling.order).done_at is None
