"""Sequences that somebody designed: what a broker says in an order, or with facts, that nobody expects."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.messages import OrderReport, Refusal, WorkingStatus
from brokers.models import InboxMessage
from orders.entry.replace import Change, replace_order
from orders.models import LostOrder, Order, OutboxCommand, RequestState, State
from orders.models.references import order_ids, order_ref_of
from tests.integration.orders.test_any_order import Story
from tests.integration.orders.test_attribution import (
    OURS,
    books,
    execution,
    external,
    open_order,
    sent,
    tell,
)
from tests.integration.orders.test_snapshots import TERMS, completed, desk, hear, look, now_is, shown, working

__all__ = ["desk", "sent"]
A_STRANGER = msgspec.structs.replace(OURS, client_id=7, broker_order_id=9)


# --- one permId, given out twice -----------------------------------------------------------------------
@pytest.mark.parametrize("days", [-3, 3])
def test_an_execution_of_another_day_under_our_perm_id_is_not_of_our_dead_order(
    sent: Order, days: int
) -> None:
    Order.objects.update(state=State.CANCELED)
    before = books(sent)
    tell(execution(A_STRANGER, transact_time=timezone.now() + timedelta(days=days)))
    assert (books(sent), len(external())) == (before, 1)


def test_a_late_execution_of_the_day_is_of_our_dead_order_all_the_same(sent: Order) -> None:
    Order.objects.update(state=State.CANCELED)
    tell(execution(A_STRANGER, transact_time=timezone.now() + timedelta(hours=13)))
    assert (books(sent)[1], external()) == (10, [])


def test_what_names_another_reference_is_not_ours_though_its_perm_id_is(sent: Order) -> None:
    before = books(sent)
    somebodys = msgspec.structs.replace(A_STRANGER, order_ref="basket 7")
    tell(open_order(somebodys), execution(somebodys))
    assert (books(sent), [one.cum_qty for one in external()]) == (before, [10])


def test_another_reference_of_our_form_under_a_known_perm_id_is_lost_history(sent: Order) -> None:
    ref = order_ref_of(order_ids.make("algo", "lost"))
    tell(open_order(msgspec.structs.replace(OURS, order_ref=ref)))
    assert [lost.order_ref for lost in LostOrder.objects.all()] == [ref]


# --- execution ids ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second", "cum_qty"),
    [
        ("0000e0d5.65f1.01.01", "0000e0d5.65f1.01.02", 4),
        ("0000e0d5.65f1.01.01", "0000e0d5.65f1.02.01", 7),
        ("2026.11.20.1001", "2026.11.20.1002", 7),
        ("trade.a", "trade.b", 7),
        ("1001", "1002", 7),
    ],
)
def test_only_a_version_at_the_end_of_its_id_corrects_an_execution(
    sent: Order, first: str, second: str, cum_qty: int
) -> None:
    tell(execution(OURS, first, last_qty=Decimal(3)), execution(OURS, second, last_qty=Decimal(4)))
    assert books(sent)[1] == cum_qty


def test_executions_without_an_id_are_a_persons_and_none_is_lost(sent: Order) -> None:
    nameless = msgspec.structs.replace(execution(OURS), exec_id="")
    tell(nameless, msgspec.structs.replace(nameless, last_qty=Decimal(3)))
    waiting = InboxMessage.objects.filter(applied_at=None)
    assert (books(sent)[1], waiting.count()) == (0, 2)
    assert all("without an id" in row.error for row in waiting)


# --- terms ------------------------------------------------------------------------------------------------
def filled_as(story: Story, quantity: int) -> OrderReport:
    terms = msgspec.structs.replace(TERMS, order_qty=Decimal(quantity))
    return msgspec.structs.replace(completed(story, quantity), terms=terms)


def test_an_order_lowered_by_hand_in_a_gap_and_filled_is_filled(desk: User) -> None:
    story = working(desk)
    hear(story.execution("01.01", 60, 229), story.commission("01.01"))
    executions = (story.execution("01.01", 60, 229),)
    look(filled_as(story, 60), executions=executions)
    assert not look(filled_as(story, 60), executions=executions).snapshot_wanted
    now = now_is(story)
    assert (now.state, now.order_qty, now.cum_qty, now.held_for_desk) == (State.COMPLETED, 60, 60, False)


def test_filled_by_less_than_is_known_lowers_no_order(desk: User) -> None:
    story = working(desk)
    hear(story.execution("01.01", 60, 229), story.commission("01.01"))
    look(filled_as(story, 40))
    assert (now_is(story).state, now_is(story).order_qty) == (State.PARTIALLY_FILLED, 100)


def replaced(desk: User) -> Story:
    """An order that works with a price that the gateway has just echoed."""
    story = working(desk)
    replace_order(story.order.id, Change(cl_ord_id="r", price=Decimal(231)), actor="a", at=timezone.now())
    OutboxCommand.objects.update(done_at=timezone.now())
    story.order.requests.update(state=RequestState.SENT, sent_at=timezone.now())
    hear(shown(story, terms=msgspec.structs.replace(TERMS, price=Decimal(231))))
    assert now_is(story).price == 231
    return story


@pytest.mark.parametrize(
    ("report", "state", "price"),
    [
        ({}, State.PENDING, 230),
        ({"status": WorkingStatus.REJECTED, "source": "completedOrder"}, State.REJECTED, 231),
    ],
)
def test_a_replace_refused_after_its_echo_ends_no_order_that_lives(
    desk: User, report: dict[str, Any], state: State, price: int
) -> None:
    story = replaced(desk)
    hear(story.error(201, Refusal.ORDER_REJECTED))
    assert now_is(story).state == State.PENDING
    look(msgspec.structs.replace(shown(story), **report))
    assert (now_is(story).state, now_is(story).price) == (state, price)
