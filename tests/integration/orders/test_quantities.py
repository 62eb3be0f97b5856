"""Quantities beyond the plain way: overfills, busts, missing commissions, replaces, in any order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from brokers.messages import BrokerEvent, OrderReport, Refusal, ReportedTerms, WorkingStatus
from orders.booking.commissions import mark_missing
from orders.desk.decisions import release_held
from orders.entry.cancel import cancel_order
from orders.entry.replace import Change, replace_order
from orders.errors import OrderFrozen
from orders.models import Alert, AlertKind, Execution, Order, OrderRequest, OutboxCommand, State
from tests.examples import examples
from tests.integration.orders.test_any_order import (
    AAPL,
    QUIET,
    Story,
    any_order_with_repeats,
    desk,  # noqa: F401 - a fixture
)

FEW = examples(20, QUIET)


def open_alert(order: Order, kind: AlertKind) -> bool:
    return Alert.objects.filter(order=order, kind=kind, cleared_at=None).exists()


def sent_replace(story: Story, order_qty: int) -> OrderRequest:
    """A replace that is on the wire."""
    change = Change(cl_ord_id=f"{story.run}-R", order_qty=Decimal(order_qty))
    asked = replace_order(story.order.id, change, actor="client:algo", at=timezone.now())
    OrderRequest.objects.filter(pk=asked.request.pk).update(state="SENT", sent_at=timezone.now())
    OutboxCommand.objects.filter(request=asked.request).update(done_at=timezone.now())
    return asked.request


def echo(story: Story, order_qty: int) -> OrderReport:
    """openOrder with this quantity."""
    terms = ReportedTerms(
        account="DU1234567",
        instrument=AAPL,
        side="BUY",
        order_qty=Decimal(order_qty),
        ord_type="LIMIT",
        time_in_force="DAY",
        price=Decimal(230),
    )
    return OrderReport(identity=story.identity, status=WorkingStatus.WORKING, source="openOrder", terms=terms)


def test_more_executed_than_ordered_is_booked_frozen_and_reported(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    events: list[BrokerEvent] = [story.execution("01.01", 100, 229), story.execution("02.01", 30, 230)]
    order = story.tell([*events, story.commission("01.01"), story.commission("02.01")])
    assert (order.state, order.cum_qty, order.reported_qty) == (State.FILLED, 130, 100)
    assert order.overfilled
    assert open_alert(order, AlertKind.OVERFILL)
    change = Change(cl_ord_id="r-1", order_qty=Decimal(200))
    with pytest.raises(OrderFrozen):
        replace_order(order.id, change, actor="client:algo", at=timezone.now())


def test_a_person_releases_an_overfilled_order_and_it_is_completed(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    events: list[BrokerEvent] = [story.execution("01.01", 130, 229), story.commission("01.01")]
    held = story.tell(events)
    order = release_held(held.id, actor="desk:ann", at=timezone.now(), reason="confirmed by the broker")
    assert (held.state, order.state, order.cum_qty) == (State.FILLED, State.COMPLETED, 130)
    assert not Alert.objects.filter(order=order, cleared_at=None).exists()


def test_a_bust_takes_an_overfill_back(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    events: list[BrokerEvent] = [story.execution("01.01", 100, 229), story.execution("02.01", 30, 230)]
    order = story.tell([*events, story.commission("01.01"), story.execution("02.02", 0, 230)])
    assert (order.state, order.cum_qty, order.overfilled) == (State.COMPLETED, 100, False)
    assert not open_alert(order, AlertKind.OVERFILL)


@pytest.mark.parametrize("versions", [("01.01", "01.02"), ("01.02", "01.01")])
def test_a_bust_is_told_whichever_version_came_first(desk: User, versions: tuple[str, str]) -> None:  # noqa: F811
    story = Story(desk)
    quantities = {"01.01": 100, "01.02": 0}
    order = story.tell([story.execution(version, quantities[version], 229) for version in versions])
    assert order.cum_qty == 0
    assert open_alert(order, AlertKind.BUST)


def test_a_missing_commission_is_reported_after_grace_and_booked_late(
    desk: User,  # noqa: F811
    settings: Any,
) -> None:
    settings.COMMISSION_GRACE = 5
    story = Story(desk)
    order = story.tell([story.execution("01.01", 100, 229)])
    Execution.objects.update(received_at=timezone.now() - timedelta(seconds=4))
    assert (mark_missing("main"), order.state) == (0, State.FILLED)
    Execution.objects.update(received_at=timezone.now() - timedelta(seconds=6))
    assert (mark_missing("main"), mark_missing("main")) == (1, 0)
    order.refresh_from_db()
    assert order.commission_missing
    assert open_alert(order, AlertKind.COMMISSION_MISSING)
    late = story.commission("01.01")
    order = Story.tell(story, [story.execution("01.01", 100, 229), late])
    assert (order.state, order.commission_missing) == (State.COMPLETED, False)
    assert not open_alert(order, AlertKind.COMMISSION_MISSING)


@FEW
@given(indices=any_order_with_repeats(6))
def test_busts_and_corrections_of_a_canceled_order_end_the_same(desk: User, indices: list[int]) -> None:  # noqa: F811
    story = Story(desk)
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.WORKING),
        story.execution("01.01", 60, 229),
        story.execution("02.01", 40, 230),
        story.status(WorkingStatus.CANCELED),
        story.execution("01.02", 50, 229),
        story.execution("02.02", 0, 230),
    ]
    order = story.tell([history[index] for index in indices])
    assert (order.state, order.cum_qty, order.avg_px) == (State.CANCELED, 50, 229)


@FEW
@given(indices=any_order_with_repeats(6), order_qty=st.sampled_from([150, 80]))
@example(indices=[4, 5, 3, 2, 0, 1], order_qty=150)  # completed, then executed further by the replace
def test_a_replace_and_its_executions_end_the_same(
    desk: User,  # noqa: F811
    indices: list[int],
    order_qty: int,
) -> None:
    story = Story(desk)
    story.tell([story.status(WorkingStatus.HELD)])
    request = sent_replace(story, order_qty)
    story.run += "b"
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.WORKING),
        echo(story, 100),
        echo(story, order_qty),
        story.execution("01.01", 50, 229),
        story.execution("02.01", order_qty - 50, 231),
        story.commission("02.01"),
    ]
    order = story.tell([history[index] for index in indices])
    request.refresh_from_db()
    assert (order.order_qty, order.cum_qty, order.state) == (order_qty, order_qty, State.FILLED)
    assert (request.state, order.overfilled) == ("ACCEPTED", False)


@FEW
@given(indices=any_order_with_repeats(4))
def test_a_quantity_lowered_below_what_is_executed_is_no_overfill(desk: User, indices: list[int]) -> None:  # noqa: F811
    story = Story(desk)
    story.tell([story.status(WorkingStatus.HELD)])
    sent_replace(story, 70)
    story.run += "b"
    history: list[BrokerEvent] = [
        story.execution("01.01", 80, 229),
        story.commission("01.01"),
        echo(story, 70),
        story.status(WorkingStatus.WORKING),
    ]
    order = story.tell([history[index] for index in indices])
    assert (order.state, order.cum_qty, order.reported_qty) == (State.COMPLETED, 80, 80)
    assert not order.overfilled


@FEW
@given(indices=any_order_with_repeats(4))
def test_a_refused_replace_leaves_the_terms_whatever_comes_first(desk: User, indices: list[int]) -> None:  # noqa: F811
    story = Story(desk)
    story.tell([story.status(WorkingStatus.HELD)])
    request = sent_replace(story, 150)
    story.run += "b"
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.WORKING),
        echo(story, 100),
        story.error(105, Refusal.REPLACE_REFUSED),
        story.execution("01.01", 40, 229),
    ]
    order = story.tell([history[index] for index in indices])
    request.refresh_from_db()
    assert (order.order_qty, order.state, request.state) == (100, State.PARTIALLY_FILLED, "REFUSED")


def outrun_replace(story: Story, order_qty: int) -> OrderRequest:
    """A replace on the wire when the broker says that its order is canceled."""
    story.tell([story.status(WorkingStatus.WORKING)], "begin")
    request = sent_replace(story, order_qty)
    story.tell([story.status(WorkingStatus.CANCELED)], "end")
    request.refresh_from_db()
    assert (request.state, request.reason_code) == ("REFUSED", "TOO_LATE_TO_REPLACE")
    return request


def test_what_executes_after_the_end_proves_the_replace_that_it_outran(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    request = outrun_replace(story, 150)
    order = story.tell([story.execution("01.01", 150, 229), story.commission("01.01")])
    request.refresh_from_db()
    assert (order.state, order.order_qty, order.cum_qty) == (State.COMPLETED, 150, 150)
    assert (request.state, request.reason_code, order.overfilled) == ("ACCEPTED", "", False)


def test_a_canceled_order_shown_with_new_terms_had_them(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    request = outrun_replace(story, 150)
    ended = msgspec.structs.replace(echo(story, 150), status=WorkingStatus.CANCELED, source="completedOrder")
    order = story.tell([ended])
    request.refresh_from_db()
    assert (order.state, order.order_qty, request.state) == (State.CANCELED, 150, "ACCEPTED")


def test_a_canceled_order_shown_with_old_terms_proves_nothing_new(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    request = outrun_replace(story, 150)
    order = story.tell([echo(story, 100), story.execution("01.01", 100, 229)])
    request.refresh_from_db()
    assert (order.state, order.order_qty, request.state) == (State.FILLED, 100, "REFUSED")


def test_a_replace_refused_for_its_parents_end_is_asked_again(desk: User) -> None:  # noqa: F811
    story = Story(desk)
    story.tell([story.status(WorkingStatus.HELD)])
    request = sent_replace(story, 150)
    story.run += "b"
    order = story.tell([story.error(135, Refusal.PARENT_GONE)])
    request.refresh_from_db()
    assert (request.state, order.order_qty) == ("REQUESTED", 100)
    assert OutboxCommand.objects.filter(request=request, done_at=None).exists()


@FEW
@given(indices=any_order_with_repeats(3))
def test_a_cancel_under_way_is_accepted_whatever_comes_first(desk: User, indices: list[int]) -> None:  # noqa: F811
    story = Story(desk)
    story.tell([story.status(WorkingStatus.WORKING)])
    request = cancel_order(story.order.id, actor="client:algo", at=timezone.now())
    OrderRequest.objects.filter(pk=request.pk).update(state="SENT", sent_at=timezone.now())
    story.run += "b"
    history: list[BrokerEvent] = [
        story.error(10148, Refusal.CANCEL_UNDER_WAY),
        story.status(WorkingStatus.PENDING_CANCEL),
        story.status(WorkingStatus.CANCELED),
    ]
    order = story.tell([history[index] for index in indices])
    request.refresh_from_db()
    assert (order.state, order.reason_code) == (State.CANCELED, "CANCELED_ON_REQUEST")
    assert request.state == "ACCEPTED"
