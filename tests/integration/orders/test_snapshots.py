"""What a complete snapshot at the broker means, for our orders and for those of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from brokers.fix import Side
from brokers.gate.breaker import Breaker
from brokers.messages import (
    ExecutionReport,
    OrderIdentity,
    OrderReport,
    ReportedTerms,
    Snapshot,
    WorkingStatus,
)
from brokers.models import BrokerAccount, Instrument
from brokers.port import InboundMessage
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.controls.persons.approvals import ApprovalOver, approve
from orders.controls.persons.people import at_desk
from orders.desk.decisions import fail_held, release_held
from orders.models import Alert, AlertKind, Approval, Break, BreakKind, Execution, Order, State
from orders.reconciliation import positions
from orders.reconciliation.snapshots import apply_snapshot
from orders.session.applier import SessionApplier
from tests.integration.orders.test_any_order import AAPL, Story

LONG_AGO = datetime(2026, 11, 20, tzinfo=UTC)
TERMS = ReportedTerms(
    account="DU1234567", instrument=AAPL, side="BUY", order_qty=Decimal(100), ord_type="LIMIT",
    time_in_force="DAY", price=Decimal(230),
)  # fmt: skip


@pytest.fixture
def desk(db: None, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("seed")
    Instrument.objects.filter(symbol="AAPL").update(
        con_id=265598, min_tick=Decimal("0.01"), last_px=200, last_px_at=timezone.now()
    )
    BrokerAccount.objects.update(baseline_at=LONG_AGO)
    return User.objects.create_user("algo")


def look(
    *orders: OrderReport,
    full: bool = True,
    executions: tuple[ExecutionReport, ...] = (),
    began: datetime | None = None,
) -> SessionFlags:
    """A complete snapshot that shows this, applied; what it tells the session."""
    now = began or timezone.now()
    snapshot = Snapshot(
        accounts=("DU1234567",),
        snapshot_id=uuid4().hex, started_at=now, finished_at=now, connection_started_at=LONG_AGO, full=full,
        orders=orders, executions=executions, positions=(), account_values=(),
    )  # fmt: skip
    flags = SessionFlags()
    apply_snapshot("main", snapshot, 1, flags, SessionApplier("main", flags, Breaker(5, 15), on_link=list))
    return flags


def hear(*events: Any) -> None:
    for event in events:
        note = InboundMessage(event=event, dedup_key=uuid4().hex, raw={}, received_at=LONG_AGO)
        apply_items("main", [note], SessionFlags())


def working(desk: User) -> Story:
    """An order of ours that works at the broker since long ago."""
    story = Story(desk)
    Order.objects.filter(pk=story.order.pk).update(state=State.SENT, claimed_at=LONG_AGO, lease_epoch=1)
    hear(shown(story))
    return story


def shown(story: Story, status: WorkingStatus = WorkingStatus.WORKING, **facts: Any) -> OrderReport:
    """The order as a look shows it."""
    facts = {"source": "openOrder", "terms": TERMS, **facts}
    return OrderReport(identity=story.identity, status=status, **facts)


def completed(story: Story, quantity: int) -> OrderReport:
    return shown(story, WorkingStatus.FILLED, source="completedOrder", cum_qty=Decimal(quantity))


def now_is(story: Story) -> Order:
    return Order.objects.get(pk=story.order.pk)


# --- absence ------------------------------------------------------------------------------------------
def test_a_known_order_missing_from_two_snapshots_is_held(desk: User) -> None:
    story = working(desk)
    look()
    assert (now_is(story).state, now_is(story).held_for_desk) == (State.UNCONFIRMED, False)
    look()
    assert now_is(story).held_for_desk
    assert Alert.objects.filter(kind=AlertKind.HELD_ORDER, order=story.order, cleared_at=None).exists()


def test_an_order_acknowledged_after_a_snapshot_began_is_not_missed(desk: User) -> None:
    story = working(desk)
    Order.objects.filter(pk=story.order.pk).update(acknowledged_at=timezone.now() + timedelta(seconds=5))
    assert not look().snapshot_wanted
    assert now_is(story).state == State.PENDING
    assert not Break.objects.exists()


def test_a_snapshot_without_completed_orders_proves_no_absence(desk: User) -> None:
    story = working(desk)
    for _ in range(3):
        assert look(full=False).snapshot_wanted
    assert now_is(story).state == State.PENDING
    assert not Break.objects.exists()


def test_a_missing_order_is_a_break_until_two_snapshots_agree(desk: User) -> None:
    story = working(desk)
    look()
    assert Break.objects.get(kind=BreakKind.ORDER).key == str(story.order.id)
    look(shown(story))
    look(shown(story), full=False)
    assert Break.objects.get(kind=BreakKind.ORDER).closed_at is None
    look(shown(story))
    assert Break.objects.get(kind=BreakKind.ORDER).closed_by == "system"


@pytest.mark.parametrize("ours", [True, False])
def test_a_look_that_began_before_a_change_at_the_broker_does_not_undo_it(desk: User, ours: bool) -> None:
    story = working(desk)
    old = shown(story) if ours else external()
    look(old)
    began = timezone.now()
    reduced = msgspec.structs.replace(old, terms=msgspec.structs.replace(TERMS, order_qty=Decimal(60)))
    note = InboundMessage(event=reduced, dedup_key=uuid4().hex, raw={}, received_at=timezone.now())
    apply_items("main", [note], SessionFlags())
    row = Order.objects.get(perm_id=old.identity.perm_id)
    for at, right in ((began, 60), (None, 100)):
        look(old, began=at)
        row.refresh_from_db()
        assert (row.order_qty, row.leaves_qty) == (right, right)


def external(perm_id: int = 77) -> OrderReport:
    identity = OrderIdentity(perm_id=perm_id, client_id=9, broker_order_id=5)
    return OrderReport(identity=identity, status=WorkingStatus.WORKING, source="openOrder", terms=TERMS)


def test_another_clients_order_missing_from_two_snapshots_needs_a_person(desk: User) -> None:
    look(external())
    order = Order.objects.get(perm_id=77)
    look()
    look()
    order.refresh_from_db()
    assert (order.state, order.held_for_desk) == (State.UNCONFIRMED, True)
    given_up = fail_held(order.id, actor="desk:ops", at=timezone.now())
    assert (given_up.state, given_up.reason_code) == (State.FAILED, "GONE_AT_BROKER")


def test_an_order_of_another_client_among_the_completed_ones_is_over(desk: User) -> None:
    look(external())
    gone = OrderIdentity(perm_id=77)
    over = OrderReport(identity=gone, status=WorkingStatus.CANCELED, source="completedOrder", terms=TERMS)
    look(over)
    assert Order.objects.get(perm_id=77).state == State.CANCELED


# --- executions ---------------------------------------------------------------------------------------
def executed(story: Story, number: str = "01.01", quantity: int = 40) -> ExecutionReport:
    return story.execution(number, quantity, 230)


def test_fills_of_another_clients_order_count_for_the_position(desk: User) -> None:
    look(external())
    identity = OrderIdentity(perm_id=77, client_id=9)
    fill = ExecutionReport(
        identity=identity, exec_id="e.01", account="DU1234567", instrument=AAPL, side=Side.SELL,
        last_qty=Decimal(30), last_px=Decimal(230), cum_qty=Decimal(30), transact_time=LONG_AGO,
    )  # fmt: skip
    hear(fill)
    assert positions.executed_quantities("main") == {("DU1234567", 265598): -30}


def test_an_execution_that_only_the_broker_has_is_a_break(desk: User) -> None:
    story = working(desk)
    fill = executed(story)
    look(shown(story), executions=(fill,))
    row = Break.objects.get(kind=BreakKind.EXECUTION)
    assert (row.key, row.ours, row.broker["last_qty"]) == (fill.exec_id, {}, "40")


def test_an_execution_that_differs_is_a_break_with_both_sides(desk: User) -> None:
    story = working(desk)
    hear(executed(story, quantity=40))
    partly = shown(story, WorkingStatus.WORKING)
    look(partly, executions=(executed(story, quantity=50),))
    row = Break.objects.get(kind=BreakKind.EXECUTION)
    assert (row.ours["last_qty"], row.broker["last_qty"]) == ("40", "50")


def test_an_execution_missing_from_the_answer_is_a_break(desk: User) -> None:
    story = working(desk)
    early, late = executed(story, "01.01"), executed(story, "02.01")
    hear(early, late)
    Order.objects.update(broker_client_id=0)
    Execution.objects.filter(exec_id=late.exec_id).update(transact_time=LONG_AGO + timedelta(hours=30))
    look(shown(story), executions=(early,))
    assert Break.objects.get(kind=BreakKind.EXECUTION).key == late.exec_id


def test_executions_before_midnight_missing_from_the_answer_are_no_break(desk: User) -> None:
    story = working(desk)
    yesterday, today = executed(story, "01.01"), executed(story, "02.01")
    hear(yesterday, today)
    Order.objects.update(broker_client_id=0)
    Execution.objects.filter(exec_id=yesterday.exec_id).update(transact_time=LONG_AGO - timedelta(hours=30))
    look(shown(story), executions=(today,))
    assert not Break.objects.filter(kind=BreakKind.EXECUTION).exists()


def test_a_commission_that_does_not_come_is_a_break(desk: User) -> None:
    story = working(desk)
    hear(executed(story))
    look(shown(story), full=False)
    assert Break.objects.get(kind=BreakKind.COMMISSION).order_id == story.order.id


# --- a gap across midnight ----------------------------------------------------------------------------
def test_executions_across_midnight_are_held_and_never_invented(desk: User) -> None:
    story = working(desk)
    for _ in range(4):
        look(completed(story, 100))
    order = now_is(story)
    assert (order.cum_qty, order.held_for_desk) == (0, True)
    assert Break.objects.get(kind=BreakKind.ORDER).broker["cum_qty"] == "100"
    assert not look(completed(story, 100)).snapshot_wanted  # asking on would not bring them


STATEMENT = (
    "--exec-id=S1.01", "--qty=100", "--px=229", "--time=2026-11-20T20:00:00", "--commission=1",
    "--currency=USD", "--by=ops", "--reason=statement of the 20th",
)  # fmt: skip


@pytest.fixture
def two_persons(desk: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds an execution and who agrees, at a shell."""
    for name, variable in (("ops", "PERSON"), ("risk", "APPROVER")):
        User.objects.create_superuser(name, password=f"words-of-{name}")
        monkeypatch.setenv(f"TRADEDESK_{variable}_PASSWORD", f"words-of-{name}")


def test_executions_entered_from_the_statement_complete_the_order_when_a_second_person_agrees(
    desk: User, two_persons: None, capsys: pytest.CaptureFixture[str]
) -> None:
    story = working(desk)
    for _ in range(4):
        look(completed(story, 100))
    call_command("enterexecution", str(story.order.id), *STATEMENT)
    assert "another person approves" in capsys.readouterr().out
    assert now_is(story).cum_qty == 0
    with pytest.raises(CommandError, match="password of ops"):
        call_command("enterexecution", str(story.order.id), *STATEMENT, "--approved-by", "ops")
    call_command("enterexecution", str(story.order.id), *STATEMENT, "--approved-by", "risk")
    assert capsys.readouterr().out.endswith("is COMPLETED, 100 executed.\n")
    left = Approval.objects.get(state="WAITING")
    with pytest.raises(ApprovalOver, match="not held any more"):
        approve(left.pk, actor=at_desk(User.objects.get(username="risk")), reason="late")
    order = now_is(story)
    assert (order.state, order.cum_qty, order.held_for_desk) == (State.COMPLETED, 100, False)
    for _ in range(2):
        look(completed(story, 100))
    assert Break.objects.get(kind=BreakKind.ORDER).closed_by == "system"


def test_nothing_is_entered_for_an_order_that_is_not_held(desk: User, two_persons: None) -> None:
    story = working(desk)
    with pytest.raises(CommandError, match="not held"):
        call_command("enterexecution", str(story.order.id), *STATEMENT)
    assert not Execution.objects.exists()


# --- twice at the broker ------------------------------------------------------------------------------
def test_one_reference_with_two_orders_is_frozen_and_alarmed_once(desk: User) -> None:
    story = working(desk)
    other = OrderIdentity(order_ref=story.order.order_ref, perm_id=5)
    twin = OrderReport(identity=other, status=WorkingStatus.WORKING, source="openOrder", terms=TERMS)
    look(shown(story), twin)
    assert now_is(story).held_for_desk
    alert = Alert.objects.get(kind=AlertKind.DUPLICATE_ORDER)
    assert "5" in alert.text
    release_held(story.order.id, actor="desk:ops", at=timezone.now(), reason="canceled the second one")
    look(shown(story), twin)
    assert not now_is(story).held_for_desk
