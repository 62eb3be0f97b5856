"""An order that is over here and that two complete snapshots show as working lives, and a person is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User

from brokers.messages import Refusal, WorkingStatus
from orders.entry.cancel import cancel_order
from orders.models import Alert, AlertKind, Break, EventKind, Order, RequestState, State
from tests.integration.orders.test_any_order import NOW, Story
from tests.integration.orders.test_snapshots import (
    TERMS,
    desk,
    hear,
    look,
    now_is,
    shown,
    working,
)

__all__ = ["desk"]
HELD, WORKING = WorkingStatus.HELD, WorkingStatus.WORKING


def over(desk: User, *said: Any) -> Story:
    """An order that worked, and is over here by these words of the broker."""
    story = working(desk)
    hear(*(say(story) for say in said))
    return story


def canceled(story: Story) -> Any:
    return story.error(202, Refusal.ORDER_CANCELED)


def rejected(story: Story) -> Any:
    return story.error(201, Refusal.ORDER_REJECTED)


def expired(story: Story) -> Any:
    return story.status(WorkingStatus.EXPIRED)


def part_filled(story: Story) -> Any:
    return story.execution("01.01", 40, 229)


def alerts(order: Order) -> list[str]:
    told = Alert.objects.filter(kind=AlertKind.STILL_WORKING, order=order)
    return [alert.text for alert in told]


@pytest.mark.parametrize(
    ("said", "status", "dead", "alive"),
    [
        ((canceled,), WORKING, State.CANCELED, State.PENDING),
        ((canceled,), WorkingStatus.PENDING_CANCEL, State.CANCELED, State.ACCEPTED),
        ((rejected,), HELD, State.REJECTED, State.ACCEPTED),
        ((expired,), WORKING, State.EXPIRED, State.PENDING),
        ((part_filled, canceled), WORKING, State.CANCELED, State.PARTIALLY_FILLED),
    ],
)
def test_two_complete_snapshots_bring_it_back(
    desk: User, said: Any, status: WorkingStatus, dead: State, alive: State
) -> None:
    story = over(desk, *said)
    assert look(shown(story, status)).snapshot_wanted
    assert (now_is(story).state, alerts(story.order)) == (dead, [])
    look(shown(story, status))
    now = now_is(story)
    assert (now.state, now.reason_code, len(alerts(now))) == (alive, "", 1)
    assert dead in alerts(now)[0]
    moves = now.events.filter(kind=EventKind.IN_DOUBT).values_list("from_state", "to_state")
    assert list(moves) == [(dead, State.UNCONFIRMED)]


def test_it_can_be_canceled_and_its_break_closes(desk: User) -> None:
    story = over(desk, canceled)
    for _ in range(4):
        look(shown(story))
    assert Break.objects.get().closed_by == "system"
    request = cancel_order(story.order.id, actor="client:algo", at=NOW)
    commands = request.order.commands.filter(kind="CANCEL")
    assert (request.state, commands.count()) == (RequestState.REQUESTED, 1)


def test_one_snapshot_or_one_that_shows_its_end_as_well_brings_nothing_back(desk: User) -> None:
    story = over(desk, canceled)
    ended = shown(story, WorkingStatus.CANCELED, source="completedOrder")
    for rows in ([shown(story)], [ended], [shown(story)], [shown(story), ended], [ended, shown(story)]):
        look(*rows)
        assert now_is(story).state == State.CANCELED


def test_snapshots_without_completed_orders_bring_nothing_back(desk: User) -> None:
    story = over(desk, canceled)
    for _ in range(3):
        assert look(shown(story), full=False).snapshot_wanted
    assert now_is(story).state == State.CANCELED


def test_what_comes_back_and_is_gone_again_is_a_persons(desk: User) -> None:
    story = over(desk, canceled)
    for _ in range(2):
        look(shown(story))
    for _ in range(2):
        look()
    assert (now_is(story).state, now_is(story).held_for_desk) == (State.UNCONFIRMED, True)


def test_an_end_before_it_came_back_is_no_end_after_a_bust(desk: User) -> None:
    story = over(desk, canceled, lambda s: s.execution("01.01", 100, 229))
    hear(story.execution("01.02", 40, 229))
    assert now_is(story).state == State.CANCELED
    for _ in range(2):
        look(shown(story))
    hear(story.execution("02.01", 60, 229), story.execution("02.02", 0, 229))
    assert now_is(story).state == State.PARTIALLY_FILLED


def test_a_filled_order_raised_by_hand_in_a_gap_works_on(desk: User) -> None:
    story = over(desk, lambda s: s.execution("01.01", 100, 229), lambda s: s.commission("01.01"))
    raised = shown(story, terms=msgspec.structs.replace(TERMS, order_qty=Decimal(150)))
    look(raised)
    assert now_is(story).state == State.COMPLETED
    look(raised)
    now = now_is(story)
    assert (now.state, now.order_qty, now.leaves_qty) == (State.PARTIALLY_FILLED, 150, 50)
    assert len(alerts(now)) == 1


def test_a_filled_order_of_which_nothing_is_left_is_not_opened(desk: User) -> None:
    story = over(desk, lambda s: s.execution("01.01", 100, 229), lambda s: s.commission("01.01"))
    for _ in range(3):
        look(shown(story))
    assert (now_is(story).state, alerts(now_is(story))) == (State.COMPLETED, [])
