"""Comparing our books with the broker's. What differs goes through the inbox, like everything it says.

A snapshot is complete or it does not exist (`brokers.messages.Snapshot`), so "not in it" can be read
as "not shown in this look"; what that means for an order is decided in `sending.unknown_outcome`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from brokers.messages import ExecutionsMissing, OrderAbsent, OrderReport, Snapshot, WorkingStatus
from brokers.models import BrokerAccount, GatewaySession, InboxMessage
from brokers.port import InboundMessage
from orders.booking import effects
from orders.booking.apply import apply_notes
from orders.booking.flags import SessionFlags
from orders.booking.working_set import WorkingSet
from orders.models import (
    AT_BROKER,
    BreakKind,
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
from orders.reconciliation import account_values, baseline, breaks, cash, comparison, positions
from orders.reconciliation.breaks import Finding
from orders.sending.submission import repeat_cancel
from orders.sending.unknown_outcome import ROUNDS
from orders.store.orders import store_orders


def apply_snapshot(
    session: str, snapshot: Snapshot, lease_epoch: int, flags: SessionFlags
) -> ReconciliationRun:
    """Bring our books to the snapshot: what it shows, then what it does not show; what is left is a break.

    Runs on the inbox writer's thread, so all callbacks of the look have been applied before.
    """
    _rearm_parked(session)
    news, seen = _news(session, snapshot)
    apply_notes(session, [_heard(snapshot, report) for report in news], flags)
    missing = _missing(session, snapshot, seen, lease_epoch)
    absent = missing if snapshot.full else []
    flags.snapshot_wanted |= bool(missing) and not snapshot.full
    apply_notes(session, [_heard(snapshot, report) for report in absent], flags)
    repeated = _repeat_lost_cancels(session, snapshot)
    _store_account(session, snapshot)
    findings = _record_breaks(session, snapshot, news, missing)
    _hold_unexplained(session, snapshot, news, flags)
    counts = {
        "orders": len(snapshot.orders),
        "executions": len(snapshot.executions),
        "news": len(news),
        "missing": len(missing),
        "cancels_repeated": repeated,
        "breaks": len(findings),
    }
    differences = [_as_difference(report) for report in news]
    differences += [finding.as_difference() for finding in findings]
    ok = not findings and not missing
    return _record(session, ReconciliationKind.ORDERS, snapshot, counts, differences, ok=ok)


def _store_account(session: str, snapshot: Snapshot) -> None:
    """Positions, cash and account values as reported; the first look at an account is its baseline."""
    with transaction.atomic():
        positions.store_snapshot(session, snapshot)
        cash.store(session, snapshot)
        account_values.store_snapshot(snapshot)
        for account in BrokerAccount.objects.filter(session_id=session, baseline_at=None):
            baseline.begin(account, snapshot.finished_at)
        GatewaySession.objects.filter(name=session).update(reconciled_at=timezone.now())


def _record_breaks(
    session: str, snapshot: Snapshot, news: Sequence[OrderReport], missing: Sequence[OrderAbsent]
) -> list[Finding]:
    """What differs still. Without completed orders a look can not judge orders."""
    kinds = [BreakKind.EXECUTION, BreakKind.COMMISSION]
    found = [*comparison.executions(session, snapshot), *comparison.commissions(session)]
    if snapshot.full:
        kinds.append(BreakKind.ORDER)
        found += comparison.orders(session, snapshot, news, missing)
    return breaks.record(session, kinds, found)


def _hold_unexplained(
    session: str, snapshot: Snapshot, news: Sequence[OrderReport], flags: SessionFlags
) -> None:
    """Executed by the broker's word, its executions not to be had: after two looks it is a person's."""
    with transaction.atomic():
        known = WorkingSet(session, news)
    found = [(order, report) for report in news if (order := known.find(report.identity))]
    held = [
        ExecutionsMissing(order_id=str(order.id), cum_qty=report.cum_qty or order.order_qty)
        for order, report in found
        if not order.held_for_desk
        and order.source != Source.EXTERNAL
        and comparison.executions_missing(order, report)
        and breaks.times_seen(session, BreakKind.ORDER, str(order.id)) >= ROUNDS
    ]
    apply_notes(session, [_heard(snapshot, report) for report in held], flags)


def _rearm_parked(session: str) -> None:
    """What was given up for want of its order or execution gets another chance after each look."""
    waiting = InboxMessage.objects.filter(session_id=session, applied_at=None, retry_at=None)
    waiting.update(retry_at=timezone.now())


def compare_account(session: str, snapshot: Snapshot) -> list[ReconciliationRun]:
    """The broker's positions and cash against what was there at the baseline plus our executions."""
    moving = positions.just_traded(session, snapshot.started_at - positions.GRACE_PERIOD)
    of_positions = positions.differences(session, moving)
    of_cash = cash.differences(session, snapshot, {account for account, _ in moving})
    return [
        _compare(session, snapshot, ReconciliationKind.POSITIONS, BreakKind.POSITION, *of_positions),
        _compare(session, snapshot, ReconciliationKind.CASH, BreakKind.CASH, *of_cash),
    ]


def _compare(
    session: str,
    snapshot: Snapshot,
    kind: ReconciliationKind,
    breaking: BreakKind,
    found: list[Finding],
    not_judged: set[str],
) -> ReconciliationRun:
    found = breaks.record(session, [breaking], found, not_judged)
    counts = {"differences": len(found), "just_traded": len(not_judged)}
    differences = [{**finding.as_difference(), **finding.ours, **finding.broker} for finding in found]
    return _record(session, kind, snapshot, counts, differences, ok=not found)


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
        if order is None or comparison.differs(order, report) or effects.in_flight(known, order):
            news.append(report)
    return news, seen


def _missing(session: str, snapshot: Snapshot, seen: set[UUID], lease_epoch: int) -> list[OrderAbsent]:
    """Our orders that should be there and are not shown.

    One that was just sent is not judged: on a socket of ours that still lives, its answer may be on
    the way until the acknowledgement deadline. A former holder's or a former connection's is.
    Orders of others are judged like ours, from when we first saw them.
    """
    known_before = Q(claimed_at__lt=snapshot.started_at) | Q(
        source=Source.EXTERNAL, received_at__lt=snapshot.started_at
    )
    candidates = Order.objects.filter(
        known_before, session_id=session, state__in=AT_BROKER, held_for_desk=False
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
        store_orders(orders)
    return len(orders)


def _heard(snapshot: Snapshot, report: OrderReport | OrderAbsent | ExecutionsMissing) -> InboundMessage:
    if isinstance(report, OrderReport):
        report = msgspec.structs.replace(report, snapshot_at=snapshot.started_at)
    return InboundMessage(
        event=report,
        dedup_key=_dedup_key(snapshot, report),
        raw={"snapshot": snapshot.snapshot_id},
        received_at=snapshot.finished_at,
    )


def _dedup_key(snapshot: Snapshot, report: OrderReport | OrderAbsent | ExecutionsMissing) -> str:
    if isinstance(report, OrderAbsent):
        return f"absent:{snapshot.snapshot_id}:{report.order_id}"
    if isinstance(report, ExecutionsMissing):
        return f"unexplained:{snapshot.snapshot_id}:{report.order_id}"
    identity = report.identity
    return f"look:{snapshot.snapshot_id}:{identity.perm_id}:{identity.order_ref}:{report.source}"


def _as_difference(report: OrderReport) -> dict[str, str]:
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
