"""Filled, corrected, busted, over, in orders that nobody expects: state, quantity and position stay true."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User

from brokers.fix import Side
from brokers.messages import ExecutionReport, Refusal, WorkingStatus
from orders.models import State
from orders.reconciliation.positions import executed_quantities
from tests.integration.orders.test_any_order import Story
from tests.integration.orders.test_snapshots import desk, hear, now_is, working

__all__ = ["desk"]
CANCELED, EXPIRED = WorkingStatus.CANCELED, WorkingStatus.EXPIRED
REJECTED = Refusal.ORDER_REJECTED
TURNED = Side.SELL
SEQUENCES: list[tuple[list[Any], State, int, bool, int]] = [
    # An execution is (its number and version, quantity), with its commission; what is told, state, quantity,
    # whether a person is asked, position.
    ([("1.01", 40), ("1.02", 30), ("1.03", 0), ("2.01", 100)], State.COMPLETED, 100, False, 100),
    ([("1.01", 40), ("1.04", 10), ("1.02", 90), ("1.03", 80)], State.PARTIALLY_FILLED, 10, False, 10),
    ([("1.09", 40), ("1.10", 10)], State.PARTIALLY_FILLED, 10, False, 10),
    ([("1.01", 40), CANCELED, ("1.02", 100)], State.COMPLETED, 100, False, 100),
    ([("1.01", 40), CANCELED, ("1.02", 100), ("1.03", 0)], State.CANCELED, 0, False, 0),
    ([("1.01", 100), ("1.02", 120)], State.FILLED, 120, True, 120),
    ([("1.01", 100), ("1.02", 120), ("1.03", 100)], State.COMPLETED, 100, False, 100),
    ([("1.01", 100), ("2.01", 20), CANCELED, ("1.02", 0)], State.CANCELED, 20, False, 20),
    ([EXPIRED, ("1.01", 100), CANCELED, ("1.02", 50)], State.EXPIRED, 50, False, 50),
    ([REJECTED, ("1.01", 40), ("1.02", 0)], State.UNCONFIRMED, 0, False, 0),
    ([("1.01", 40), CANCELED, ("1.02", 40, TURNED)], State.CANCELED, 0, True, -40),
    ([("1.01", 100), ("1.02", 100, TURNED), CANCELED], State.CANCELED, 0, True, -100),
    ([("1.01", 100), ("1.02", 60, TURNED), ("1.03", 60)], State.PARTIALLY_FILLED, 60, True, 60),
    ([("1.01", 60), ("2.01", 40), ("2.02", 40, TURNED), EXPIRED], State.EXPIRED, 60, True, 20),
    ([("1.01", 0)], State.PENDING, 0, False, 0),
]


def say(story: Story, word: Any) -> list[Any]:
    if isinstance(word, WorkingStatus):
        return [story.status(word)]
    if isinstance(word, Refusal):
        return [story.error(201, word)]
    number, quantity, *side = word
    return [turned(story.execution(number, quantity, 229), *side), story.commission(number)]


def turned(report: ExecutionReport, side: Side = Side.BUY) -> ExecutionReport:
    return msgspec.structs.replace(report, side=side)


@pytest.mark.parametrize(("told", "state", "cum_qty", "held", "position"), SEQUENCES)
def test_books_are_true_after_corrections_in_any_company(
    desk: User, told: list[Any], state: State, cum_qty: int, held: bool, position: int
) -> None:
    story = working(desk)
    hear(*(event for word in told for event in say(story, word)))
    order = now_is(story)
    assert (order.state, order.cum_qty, order.held_for_desk) == (state, cum_qty, held)
    assert executed_quantities("main").get(("DU1234567", 265598), 0) == position


def test_an_execution_of_less_than_nothing_takes_nothing_away(desk: User) -> None:
    story = working(desk)
    hear(story.execution("1.01", 60, 229))
    with pytest.raises(ValueError, match="-40"):
        hear(story.execution("2.01", -40, 229))
    assert now_is(story).cum_qty == 60
