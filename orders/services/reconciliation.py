"""Comparing our books with the broker's. What differs goes through the inbox, like everything it says.

A snapshot is complete or it does not exist (`brokers.messages.Snapshot`), so "not in it" can be read
as "not shown in this look"; what that means for an order is decided in `services.absence`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from brokers.messages import (
    OrderAbsent,
    OrderReport,
    Snapshot,
    WorkingStatus,
)
from brokers.models import AccountValue, BrokerAccount, GatewaySession, InboxMessage
from brokers.port import Heard
from orders.models import (
    AT_BROKER,
    DEAD,
    Cause,
    Order,
    OrderRequest,
    ReconciliationKind,
    ReconciliationRun,
    RequestKind,
    RequestState,
    Source,
    State,
)
from orders.services import book, positions
from orders.services.execution import LookUp, apply_notes
from orders.services.submission import repeat_cancel
from orders.services.working_set import WorkingSet

#: Which of our states agree with what a snapshot says; any other pair is news.
AGREES: dict[WorkingStatus, tuple[State, ...]] = {
    WorkingStatus.HELD: (State.ACCEPTED, State.PARTIALLY_FILLED),
    WorkingStatus.IN_TRANSIT: (State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED),
    WorkingStatus.WORKING: (State.PENDING, State.PARTIALLY_FILLED),
    WorkingStatus.PENDING_CANCEL: (State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED),
    WorkingStatus.INACTIVE: (State.ACCEPTED, State.PARTIALLY_FILLED, *DEAD),
    WorkingStatus.FILLED: (State.FILLED, State.COMPLETED),
    WorkingStatus.CANCELED: (State.CANCELED, State.FILLED, State.COMPLETED, State.EXPIRED, State.REJECTED),
    WorkingStatus.EXPIRED: (State.EXPIRED, State.FILLED, State.COMPLETED),
    WorkingStatus.REJECTED: (State.REJECTED, State.FAILED, State.FILLED, State.COMPLETED),
}


def apply_snapshot(session: str, snapshot: Snapshot, lease_epoch: int, look_up: LookUp) -> ReconciliationRun:
    """Bring our books to the snapshot: what it shows, then what it does not show.

    Runs on the inbox writer's thread, so all callbacks of the look have been applied before.
    """
    _rearm_parked(session)
    news, seen = _news(session, snapshot)
    apply_notes(session, [_heard(snapshot, report) for report in news], look_up)
    missing = _missing(session, snapshot, seen, lease_epoch)
    absent = missing if snapshot.full else []
    look_up.wanted |= bool(missing) and not snapshot.full
    apply_notes(session, [_heard(snapshot, report) for report in absent], look_up)
    repeated = _repeat_lost_cancels(session, snapshot)
    positions.store_snapshot(session, snapshot)
    store_account_values(snapshot)
    GatewaySession.objects.filter(name=session).update(reconciled_at=timezone.now())
    counts = {
        "orders": len(snapshot.orders),
        "executions": snapshot.execution_count,
        "news": len(news),
        "missing": len(missing),
        "cancels_repeated": repeated,
    }
    differences = [_as_difference(report) for report in news]
    differences += [_as_difference(report) for report in missing]
    return _record(session, ReconciliationKind.ORDERS, snapshot, counts, differences, ok=not missing)


def _rearm_parked(session: str) -> None:
    """What was given up for want of its order or execution gets another chance after each look."""
    waiting = InboxMessage.objects.filter(session_id=session, applied_at=None, retry_at=None)
    waiting.update(retry_at=timezone.now())


def compare_positions(session: str, snapshot: Snapshot) -> ReconciliationRun:
    """The broker's positions against what was there before us plus our executions."""
    found = positions.differences(session, snapshot.started_at)
    counts = {"positions": len(snapshot.positions), "differences": len(found)}
    return _record(session, ReconciliationKind.POSITIONS, snapshot, counts, found, ok=not found)


def store_account_values(snapshot: Snapshot) -> None:
    """Account values as reported."""
    known = set(BrokerAccount.objects.values_list("code", flat=True))
    rows = [
        AccountValue(
            account_id=report.account,
            key=report.key,
            currency=report.currency,
            value=report.value,
            reported_at=snapshot.finished_at,
        )
        for report in snapshot.account_values
        if report.account in known
    ]
    AccountValue.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account", "key", "currency"],
        update_fields=["value", "reported_at"],
    )


def record_failure(session: str, kind: ReconciliationKind, started_at: datetime, error: Exception) -> None:
    """A look that failed or was not complete: shown as failed, never read as "nothing there"."""
    ReconciliationRun.objects.create(
        session_id=session,
        kind=kind,
        started_at=started_at,
        finished_at=timezone.now(),
        ok=False,
        error=str(error) or type(error).__name__,
    )


# --- what is news -----------------------------------------------------------------------------------
def _news(session: str, snapshot: Snapshot) -> tuple[list[OrderReport], set[UUID]]:
    """(reports that say something our books do not, ids of our orders that the snapshot shows)."""
    with transaction.atomic():
        known = WorkingSet(session, snapshot.orders)
    news, seen = [], set()
    for report in snapshot.orders:
        order = known.find(report.identity)
        if order is not None:
            seen.add(order.id)
        if order is None or differs(order, report):
            news.append(report)
    return news, seen


def differs(order: Order, report: OrderReport) -> bool:
    """Whether the report says something that the order's row does not."""
    if order.perm_id is None and report.identity.perm_id:
        return True
    if order.source == Source.EXTERNAL and report.terms and report.terms.order_qty != order.order_qty:
        return True
    return State(order.state) not in AGREES[report.status]


def _missing(session: str, snapshot: Snapshot, seen: set[UUID], lease_epoch: int) -> list[OrderAbsent]:
    """Our orders that should be there and are not shown.

    One that was just sent is not judged: on a socket of ours that still lives, its answer may be on
    the way until the acknowledgement deadline. A former holder's or a former connection's is.
    """
    candidates = Order.objects.filter(
        session_id=session, state__in=AT_BROKER, held_for_desk=False, claimed_at__lt=snapshot.started_at
    ).exclude(pk__in=seen)
    return [
        OrderAbsent(order_id=str(order.id), snapshot_id=snapshot.snapshot_id)
        for order in candidates
        if order.state != State.SENT or _answer_overdue(order, snapshot, lease_epoch)
    ]


def _answer_overdue(order: Order, snapshot: Snapshot, lease_epoch: int) -> bool:
    if order.lease_epoch != lease_epoch or order.claimed_at is None:
        return True
    if order.claimed_at < snapshot.connection_started_at:
        return True
    return order.ack_deadline is not None and order.ack_deadline < snapshot.started_at


def _repeat_lost_cancels(session: str, snapshot: Snapshot) -> int:
    """Cancels of orders that work: sent on an earlier connection, or refused while the order was in doubt."""
    working = [
        report.identity.perm_id
        for report in snapshot.orders
        if report.status in (WorkingStatus.WORKING, WorkingStatus.HELD)
    ]
    with transaction.atomic():
        lost = Q(state=RequestState.SENT, sent_at__lt=snapshot.connection_started_at)
        requests = OrderRequest.objects.filter(
            lost | Q(state=RequestState.UNCONFIRMED), kind=RequestKind.CANCEL
        )
        living = Order.objects.filter(session_id=session, perm_id__in=working, state__in=AT_BROKER)
        orders = list(living.filter(requests__in=requests).select_for_update().order_by("id"))
        for order in orders:
            request = requests.get(order=order)
            repeat_cancel(order, request, Cause(actor="reconciliation", at=timezone.now()))
        book.store(orders)
    return len(orders)


def _heard(snapshot: Snapshot, report: OrderReport | OrderAbsent) -> Heard:
    return Heard(
        event=report,
        dedup_key=_dedup_key(snapshot, report),
        raw={"snapshot": snapshot.snapshot_id},
        received_at=snapshot.finished_at,
    )


def _dedup_key(snapshot: Snapshot, report: OrderReport | OrderAbsent) -> str:
    if isinstance(report, OrderAbsent):
        return f"absent:{snapshot.snapshot_id}:{report.order_id}"
    identity = report.identity
    return f"look:{snapshot.snapshot_id}:{identity.perm_id}:{identity.order_ref}:{report.source}"


def _as_difference(report: OrderReport | OrderAbsent) -> dict[str, str]:
    if isinstance(report, OrderAbsent):
        return {"order_id": report.order_id, "difference": "not shown by the broker"}
    identity = report.identity
    return {
        "order_ref": identity.order_ref,
        "perm_id": str(identity.perm_id),
        "difference": f"the broker says {report.status}",
    }


def _record(
    session: str,
    kind: ReconciliationKind,
    snapshot: Snapshot,
    counts: dict[str, int],
    differences: Iterable[dict[str, str]],
    *,
    ok: bool,
) -> ReconciliationRun:
    return ReconciliationRun.objects.create(
        session_id=session,
        kind=kind,
        started_at=snapshot.started_at,
        finished_at=timezone.now(),
        ok=ok,
        counts=counts,
        differences=list(differences)[:500],
    )


KEEP_RUNS = timedelta(days=7)


def forget_old_runs() -> int:
    """Delete results older than a week; those with differences stay."""
    old = ReconciliationRun.objects.filter(finished_at__lt=timezone.now() - KEEP_RUNS, ok=True)
    return old.delete()[0]
