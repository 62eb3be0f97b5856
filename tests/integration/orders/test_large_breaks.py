"""A break of a large value is resolved when a second person agrees; a small one at once."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import Instrument
from orders.controls import approvals
from orders.controls.approvals import ApprovalOver, OwnApproval
from orders.controls.breaks import resolve, value_of
from orders.models import Approval, Break, BreakKind
from orders.reconciliation import breaks
from orders.reconciliation.breaks import Finding, ReasonNeeded
from tests.integration.orders.conftest import seed_desk
from tests.integration.persons import person

ACCOUNT = "DU1234567"


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> None:
    seed_desk(settings)
    settings.BREAKS_ABOVE = 1000


def cash(reported: str) -> Break:
    ours = {"currency": "USD", "expected": "0"}
    return found(BreakKind.CASH, ours=ours, broker={"reported": reported})


def found(kind: BreakKind, **evidence: Any) -> Break:
    breaks.record("main", [kind], [Finding(kind=kind, key="k", text="differs", account=ACCOUNT, **evidence)])
    return Break.objects.get(kind=kind)


def test_a_small_break_is_resolved_at_once() -> None:
    done = resolve(cash("-1000").pk, actor=person("alice"), reason="interest")
    assert isinstance(done, Break)
    assert done.closed_by == "desk:alice"


def test_a_large_break_stays_open_until_another_person_approves() -> None:
    row = cash("-1000.01")
    asked = resolve(row.pk, actor=person("alice"), reason="interest")
    assert isinstance(asked, Approval)
    assert resolve(row.pk, actor=person("bob"), reason="also") == asked
    with pytest.raises(OwnApproval):
        approvals.approve(asked.pk, actor=person("alice"), reason="mine")
    row.refresh_from_db()
    assert row.closed_at is None
    approvals.approve(asked.pk, actor=person("bob"), reason="seen the statement")
    row.refresh_from_db()
    assert (row.closed_by, row.resolution) == ("desk:alice", "interest (approved by desk:bob)")


def test_evidence_that_changed_meanwhile_is_not_approved() -> None:
    asked = resolve(cash("-2000").pk, actor=person("alice"), reason="interest")
    cash("-9000")
    with pytest.raises(ApprovalOver, match="evidence has changed"):
        approvals.approve(asked.pk, actor=person("bob"), reason="fine")
    assert Break.objects.get().closed_at is None


def test_one_person_resolves_all_where_no_second_is_asked_for(settings: Any) -> None:
    settings.FOUR_EYES = frozenset()
    assert isinstance(resolve(cash("-2000").pk, actor=person("alice"), reason="interest"), Break)


def test_without_a_reason_nothing_waits() -> None:
    with pytest.raises(ReasonNeeded):
        resolve(cash("-2000").pk, actor=person("alice"), reason=" ")
    assert not Approval.objects.exists()


def test_each_kind_is_worth_what_its_evidence_says() -> None:
    apple = Instrument.objects.get(symbol="AAPL")
    position = found(
        BreakKind.POSITION, ours={"expected": "5"}, broker={"reported": "15"}, instrument_id=apple.pk
    )
    execution = found(BreakKind.EXECUTION, broker={"last_qty": "3", "last_px": "200"})
    words = found(BreakKind.ORDER, broker={"status": "WORKING"})
    unknown = found(BreakKind.CASH, ours={"currency": "USD"}, broker={"reported": "5"})
    assert [value_of(row) for row in (position, execution, words, unknown)] == [2000, 600, 0, None]
    assert isinstance(resolve(unknown.pk, actor=person("alice"), reason="x"), Approval)
