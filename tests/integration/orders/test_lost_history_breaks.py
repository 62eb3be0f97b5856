"""An order that our books had lost is a break like any other: evidence, owner, worth, cause, four eyes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import Instrument
from orders.admin.operations.break_links import traces_of
from orders.controls.books import break_files
from orders.controls.books.break_values import keep_values
from orders.controls.books.breaks import resolve
from orders.controls.books.lost_history import rebuild
from orders.controls.persons import approvals
from orders.controls.persons.approvals import OwnApproval
from orders.models import Approval, Break, BreakCause, BreakKind, Execution, LostOrder, Order, Source
from orders.models.references import digest_of
from orders.reconciliation import breaks, comparison
from orders.reconciliation.breaks import TicketNeeded
from tests.integration.orders.conftest import order
from tests.integration.persons import person

__all__ = ["order"]
REF = "0123456789abcdef0"


@pytest.fixture
def lost(order: Order, settings: Any) -> Break:
    """100 AAPL at 200, of which the broker says that they are ours: worth 20,000, found by a comparison."""
    settings.BREAKS_ABOVE = 30_000
    now = timezone.now()
    Instrument.objects.update(last_px=200, last_px_at=now)
    Order.objects.filter(pk=order.pk).update(
        **{
            "source": Source.EXTERNAL,
            "order_qty": 100,
            "price": 200,
            "cum_qty": 40,
            "state": "PARTIALLY_FILLED",
        }
    )
    Execution.objects.create(
        **{"order": order, "account_id": order.account_id, "exec_id": "l.01", "exec_root": "l", "con_id": 1},
        **{"side": "BUY", "last_qty": 40, "last_px": 200, "transact_time": now, "received_at": now},
    )
    LostOrder.objects.create(
        session_id="main", order_ref=REF, digest=digest_of(REF), order=order, found_at=now
    )
    return compared()


def compared() -> Break:
    breaks.record("main", [BreakKind.LOST_HISTORY], comparison.lost_history("main"))
    keep_values()
    return Break.objects.get(kind=BreakKind.LOST_HISTORY)


def test_a_lost_order_is_a_break_with_evidence_worth_and_due_time(lost: Break) -> None:
    assert (lost.broker["order_ref"], lost.broker["cum_qty"], lost.ours) == (REF, "40", {})
    assert lost.value == 20_000
    assert lost.due_at is not None
    assert [trace.what for trace in traces_of(lost)] == ["execution"]
    assert compared().times == 2


def test_it_is_taken_and_noted_and_keeps_files(lost: Break) -> None:
    user = person("ops").user
    breaks.own_break(lost.pk, user=user)
    breaks.note_break(lost.pk, user=user, text="restored the backup of noon")
    break_files.attach(lost.pk, user=user, name="mail.txt", content=b"it is ours")
    lost.refresh_from_db()
    assert (lost.owner, lost.notes.count(), lost.files.count()) == (user, 3, 1)


@pytest.mark.parametrize(
    "cause", [BreakCause.OURS_CORRECTED, BreakCause.WRITE_OFF, BreakCause.BROKER_ERROR, BreakCause.TIMING]
)
def test_each_of_the_four_resolutions_works_for_it(lost: Break, cause: BreakCause) -> None:
    actor = person("ops")
    if cause == BreakCause.BROKER_ERROR:
        with pytest.raises(TicketNeeded):
            resolve([lost.pk], actor=actor, reason="theirs", cause=cause)
    resolve([lost.pk], actor=actor, reason="seen", cause=cause, ticket="T-1")
    again = compared()  # not told again while its evidence is the same
    assert (again.pk, again.cause) == (lost.pk, cause)
    assert (again.closed_at is None) == (cause == BreakCause.TIMING)


def test_above_a_value_a_second_person_agrees_and_never_the_first(lost: Break, settings: Any) -> None:
    settings.BREAKS_ABOVE = 19_999
    asked = resolve([lost.pk], actor=person("alice"), reason="written off", cause=BreakCause.WRITE_OFF)
    assert isinstance(asked, Approval)
    with pytest.raises(OwnApproval):
        approvals.approve(asked.pk, actor=person("alice"), reason="mine")
    approvals.approve(asked.pk, actor=person("bob"), reason="seen")
    lost.refresh_from_db()
    assert (lost.closed_by, lost.cause) == ("desk:alice", BreakCause.WRITE_OFF)


def test_what_was_executed_meanwhile_is_not_approved_with_the_old_evidence(
    lost: Break, settings: Any
) -> None:
    settings.BREAKS_ABOVE = 1
    asked = resolve([lost.pk], actor=person("alice"), reason="written off")
    assert isinstance(asked, Approval)
    Order.objects.filter(pk=lost.order_id).update(cum_qty=Decimal(60))
    compared()
    with pytest.raises(approvals.ApprovalOver, match="evidence"):
        approvals.approve(asked.pk, actor=person("bob"), reason="seen")
    assert Break.objects.get(pk=lost.pk).closed_at is None


def test_it_closes_itself_when_the_order_is_rebuilt(lost: Break) -> None:
    rebuild("main", by="shell:ops", reason="backup of noon")
    for _ in range(2):
        found = compared()
    assert (found.closed_by, found.closed_at is None) == ("system", False)


def test_what_is_not_decided_in_time_is_overdue(lost: Break) -> None:
    Break.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    assert keep_values() == 1
