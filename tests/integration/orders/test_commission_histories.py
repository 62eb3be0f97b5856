"""Commissions come empty, twice, late, corrected and back again: what was told last is in the books."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from brokers.inbox.rows import park_message
from brokers.messages import CommissionReport, WorkingStatus, commission_key
from brokers.port import InboundMessage
from orders.booking import commissions
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.booking.parked import retry_parked
from orders.models import Alert, AlertKind, Break, BreakKind, Execution, Order, State
from orders.reconciliation import breaks, comparison
from tests.examples import examples
from tests.integration.orders.test_any_order import Story, assert_replays, desk

__all__ = ["desk"]
MANY = examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
AMOUNTS = st.sampled_from([None, Decimal(0), Decimal("1.0"), Decimal("1.25"), Decimal(-1)])
PROFITS = st.sampled_from([None, Decimal("123.45"), Decimal("-7")])


def cost(story: Story, amount: Decimal | None, profit: Decimal | None = None) -> CommissionReport:
    exec_id = f"{story.run}.01.01"
    return CommissionReport(exec_id=exec_id, commission=amount, currency="USD", realized_pnl=profit)


def tell(report: CommissionReport) -> None:
    """Hear it as the adapter tells it: the same words have the same key."""
    now = timezone.now()
    message = InboundMessage(event=report, dedup_key=commission_key(report), raw={}, received_at=now)
    try:
        apply_items("main", [message], SessionFlags())
    except Exception as error:
        park_message("main", message, error, now)


def filled(desk: User) -> Story:
    story = Story(desk)
    story.tell([story.status(WorkingStatus.WORKING), story.execution("01.01", 100, 230)])
    return story


def last_known(values: list[Decimal | None]) -> Decimal | None:
    return next((value for value in reversed(values) if value is not None), None)


@MANY
@given(told=st.lists(st.tuples(AMOUNTS, PROFITS), min_size=1, max_size=6), early=st.integers(0, 6))
def test_any_history_of_a_commission_ends_at_what_was_told_last(
    desk: User, told: list[tuple[Decimal | None, Decimal | None]], early: int
) -> None:
    story = Story(desk)
    reports = [cost(story, *one) for one in told]
    for report in reports[:early]:
        tell(report)
    story.tell([story.execution("01.01", 100, 230)])
    for report in reports[early:]:
        tell(report)
    retry_parked("main", SessionFlags())
    row = Execution.objects.get(order=story.order)
    assert row.commission == last_known([amount for amount, _ in told])
    assert row.realized_pnl == last_known([profit for _, profit in told])


def test_a_profit_told_later_with_the_same_commission_is_taken(desk: User) -> None:
    story = filled(desk)
    tell(cost(story, Decimal(1)))
    assert Order.objects.get().state == State.COMPLETED
    tell(cost(story, Decimal(1), Decimal("123.45")))
    assert Execution.objects.get().realized_pnl == Decimal("123.45")


def test_an_older_report_that_waited_for_its_execution_takes_nothing_back(desk: User) -> None:
    story = Story(desk)
    old, new = cost(story, Decimal(1)), cost(story, Decimal(2))
    before = timezone.now() - timedelta(seconds=5)
    message = InboundMessage(event=old, dedup_key="old", raw={}, received_at=before)
    park_message("main", message, ValueError("no execution yet"), before)
    apply_items("main", [InboundMessage(
        event=story.execution("01.01", 100, 230), dedup_key="x", raw={}, received_at=timezone.now()
    )], SessionFlags())  # fmt: skip
    tell(new)
    assert retry_parked("main", SessionFlags()) == 1
    assert Execution.objects.get().commission == 2


@pytest.mark.parametrize("state", [State.UNCONFIRMED, State.REJECTED, State.FAILED, State.CANCELED])
def test_a_commission_moves_no_order_that_is_not_filled(desk: User, state: State) -> None:
    story = Story(desk)
    story.tell([story.execution("01.01", 40, 230)])
    Order.objects.update(state=state, held_for_desk=True)
    tell(cost(story, Decimal(1)))
    order = Order.objects.get()
    assert (order.state, order.held_for_desk) == (state, True)
    assert Execution.objects.get().commission == 1


def test_an_empty_report_completes_nothing(desk: User) -> None:
    story = filled(desk)
    tell(cost(story, None))
    assert Order.objects.get().state == State.FILLED


# --- what is not charged -----------------------------------------------------------------------------
def test_a_bust_waits_for_no_commission(desk: User, settings: Any) -> None:
    settings.COMMISSION_GRACE = 0
    story = Story(desk)
    story.tell([story.execution("01.01", 100, 230), story.execution("01.02", 0, 230)])
    assert not comparison.commissions("main")
    assert commissions.mark_missing("main") == 0


def test_an_execution_without_a_report_for_a_day_was_free(desk: User) -> None:
    story = filled(desk)
    Execution.objects.update(received_at=timezone.now())
    assert commissions.book_unreported("main") == 0
    Execution.objects.update(received_at=timezone.now() - timedelta(hours=25))
    commissions.mark_missing("main")
    assert (commissions.book_unreported("main"), commissions.book_unreported("main")) == (1, 0)
    order = Order.objects.get()
    assert (order.state, order.commission_missing) == (State.COMPLETED, False)
    assert not comparison.commissions("main")
    assert not Alert.objects.filter(kind=AlertKind.COMMISSION_MISSING, cleared_at=None).exists()
    assert_replays(order)
    tell(cost(story, Decimal(2)))
    assert Execution.objects.get().commission == 2


def test_a_person_may_say_that_an_execution_was_free(desk: User, settings: Any) -> None:
    settings.COMMISSION_GRACE = 0
    filled(desk)
    breaks.record("main", [BreakKind.COMMISSION], comparison.commissions("main"))
    row = Break.objects.get(kind=BreakKind.COMMISSION)
    breaks.resolve_break(row.pk, user=User.objects.get(username="desk"), reason="a free trade")
    order = Order.objects.get()
    assert (order.state, Execution.objects.get().commission) == (State.COMPLETED, 0)
    assert_replays(order)
