"""Comparing our books with the broker's. What differs goes through the inbox, like everything it says.

A snapshot is complete or it does not exist (`brokers.messages.Snapshot`), so "not in it" can be read
as "not shown in this snapshot"; what that means for an order is decided in `sending.unknown_outcome`.

Its rows are applied or parked one by one, and only that decides whether the session may trade. An order whose
row is parked is shown, so it is never proven absent. All else are steps that fail by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q

from brokers import clock, storable
from brokers.inbox import Applier, apply_in_batches
from brokers.messages import ExecutionsMissing, OrderAbsent, OrderReport, Snapshot, WorkingStatus
from brokers.models import BrokerAccount, GatewaySession
from brokers.port import InboundMessage
from orders.booking import effects
from orders.booking.apply import SNAPSHOT_TOPIC, close_parked_rows, rearm_parked
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
from orders.reconciliation.evidence import SnapshotEvidence
from orders.reconciliation.steps import Steps
from orders.sending import absence
from orders.sending.absence import Doubt
from orders.sending.submission import repeat_cancel
from orders.sending.unknown_outcome import ROUNDS
from orders.store.orders import store_orders

Row = OrderReport | OrderAbsent | ExecutionsMissing


def apply_snapshot(
    session: str, snapshot: Snapshot, lease_epoch: int, flags: SessionFlags, applier: Applier
) -> ReconciliationRun:
    """Bring our books to the snapshot: what it shows, then what it does not show; what is left is a break.

    Runs on the inbox writer's thread, so all callbacks of the snapshot have been applied before. Raises only
    while the database is away.
    """
    steps = Steps(session)
    parked: set[str] = set()

    def submit(rows: Sequence[Row]) -> None:
        refused = apply_in_batches(applier, [_message(snapshot, row) for row in rows])
        parked.update(item.topic for item in refused if isinstance(item, InboundMessage))

    steps.run("try parked messages again", lambda: rearm_parked(session), instead=None)
    all_rows: tuple[list[OrderReport], set[UUID]] = (list(snapshot.orders), set())
    news, seen = steps.run("find news", lambda: _news(session, snapshot), instead=all_rows)
    submit(news)
    applied = [report for report in news if _topic(report) not in parked]

    unproven: dict[UUID, str] = {}

    def find_missing() -> list[OrderAbsent]:
        evidence = SnapshotEvidence(session, snapshot, flags.skew)
        missing, doubted = _missing(session, snapshot, seen, lease_epoch, evidence)
        unproven.update((order.id, absence.in_words(doubts)) for order, doubts in doubted.items())
        flags.snapshot_wanted |= any(Doubt.NOT_SETTLED in doubts for doubts in doubted.values())
        return missing

    missing: list[OrderAbsent] = steps.run(
        "find missing orders", find_missing, instead=[], after=("find news",)
    )
    flags.snapshot_wanted |= bool(missing) and not snapshot.full
    flags.unproven = unproven
    submit(missing if snapshot.full else [])
    repeated = steps.run("repeat lost cancels", lambda: _repeat_lost_cancels(session, snapshot), instead=0)
    _store_account(steps, session, snapshot)

    def compare() -> list[Finding]:
        return _record_breaks(session, snapshot, applied, missing)

    findings: list[Finding] = steps.run("compare", compare, instead=[])
    held: list[ExecutionsMissing] = steps.run(
        "find the unexplained", lambda: _unexplained(session, applied), instead=[]
    )
    submit(held)
    rows: list[Row] = [*snapshot.orders, *missing, *held]
    judged = {_topic(row) for row in rows} | {_absence_topic(order_id) for order_id in seen}
    steps.run("close parked rows", lambda: close_parked_rows(session, judged - parked), instead=None)
    counts = {
        "orders": len(snapshot.orders),
        "executions": len(snapshot.executions),
        "news": len(news),
        "parked": len(parked),
        "missing": len(missing),
        "unproven": len(unproven),
        "cancels_repeated": repeated,
        "breaks": len(findings),
    }
    differences = [_as_difference(report, _topic(report) in parked) for report in news]
    differences += [finding.as_difference() for finding in findings]
    differences += [
        {"order_id": str(order_id), "difference": f"the broker does not show it, which proves nothing: {why}"}
        for order_id, why in unproven.items()
    ]
    ok = not (findings or missing or unproven or parked or steps.errors)
    return _record(session, ReconciliationKind.ORDERS, snapshot, counts, differences, ok=ok, steps=steps)


def _store_account(steps: Steps, session: str, snapshot: Snapshot) -> None:
    """Positions, cash and account values as reported; an account's first snapshot of both is its baseline."""

    def reconciled() -> None:
        GatewaySession.objects.filter(name=session).update(reconciled_at=clock.now())

    steps.run("store positions", lambda: _whole(positions.store_snapshot, session, snapshot), instead=None)
    steps.run("store cash", lambda: _whole(cash.store, session, snapshot), instead=None)
    steps.run("store account values", lambda: _whole(account_values.store_snapshot, snapshot), instead=None)
    steps.run(
        "begin baselines",
        lambda: _whole(_begin_baselines, session, snapshot),
        instead=None,
        after=("store positions", "store cash"),
    )
    steps.run("record the time", reconciled, instead=None)


def _whole(step: Callable[..., object], *facts: object) -> None:
    with transaction.atomic():
        step(*facts)


def _begin_baselines(session: str, snapshot: Snapshot) -> None:
    for account in BrokerAccount.objects.filter(session_id=session, baseline_at=None):
        baseline.begin(account, snapshot.finished_at)


def _record_breaks(
    session: str, snapshot: Snapshot, news: Sequence[OrderReport], missing: Sequence[OrderAbsent]
) -> list[Finding]:
    """What differs still. Without completed orders a snapshot cannot judge orders."""
    kinds = [BreakKind.EXECUTION, BreakKind.COMMISSION]
    found = [*comparison.executions(session, snapshot), *comparison.commissions(session)]
    if snapshot.full:
        kinds.append(BreakKind.ORDER)
        found += comparison.orders(session, snapshot, news, missing)
    known = set(BrokerAccount.objects.values_list("code", flat=True))
    return breaks.record(session, kinds, [_storable(finding, known) for finding in found])


def _storable(finding: Finding, accounts: Collection[str]) -> Finding:
    """What the broker shows of an execution may be any text, and its account one that we do not have."""
    return replace(
        finding,
        key=storable.key(finding.key, 100),
        text=storable.text(finding.text),
        broker=storable.plain(finding.broker),
        account=finding.account if finding.account in accounts else None,
    )


def _unexplained(session: str, news: Sequence[OrderReport]) -> list[ExecutionsMissing]:
    """Executed by the broker's word, its executions not to be had: after two snapshots it is a person's."""
    with transaction.atomic():
        known = WorkingSet(session, news)
    found = [(order, report) for report in news if (order := known.find(report))]
    return [
        ExecutionsMissing(order_id=str(order.id), cum_qty=report.cum_qty or order.order_qty)
        for order, report in found
        if not order.held_for_desk
        and order.source != Source.EXTERNAL
        and comparison.executions_missing(order, report)
        and breaks.times_seen(session, BreakKind.ORDER, str(order.id)) >= ROUNDS
    ]


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
    """A snapshot that failed or was not complete: shown as failed, never read as "nothing there"."""
    ReconciliationRun.objects.create(
        session_id=session,
        kind=kind,
        started_at=started_at,
        finished_at=clock.now(),
        ok=False,
        error=storable.text(str(error)) or type(error).__name__,
    )


# --- what is news -----------------------------------------------------------------------------------
def _news(session: str, snapshot: Snapshot) -> tuple[list[OrderReport], set[UUID]]:
    """(reports that say something our books do not, ids of our orders that the snapshot shows)."""
    with transaction.atomic():
        known = WorkingSet(session, snapshot.orders)
    news, seen = [], set()
    for report in snapshot.orders:
        order = known.find(report)
        if order is not None:
            seen.add(order.id)
        if order is None or _is_news(known, order, report):
            news.append(report)
    return news, seen


def _is_news(known: WorkingSet, order: Order, report: OrderReport) -> bool:
    """A row that cannot even be compared is news too: applying it says why."""
    try:
        return comparison.differs(order, report) or bool(effects.in_flight(known, order))
    except Exception:
        return True


def _missing(
    session: str,
    snapshot: Snapshot,
    seen: Collection[UUID],
    lease_epoch: int,
    evidence: SnapshotEvidence,
) -> tuple[list[OrderAbsent], dict[Order, list[Doubt]]]:
    """Our orders that should be there and are not shown; and those of which that says nothing yet, and why.

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
    missing, doubted = [], {}
    for order in candidates.select_related("instrument"):
        if order.state == State.SENT and not _answer_overdue(order, snapshot, lease_epoch):
            continue
        doubts = evidence.doubts(order)
        if absence.concludes_nothing(doubts):
            doubted[order] = doubts
        else:
            missing.append(
                OrderAbsent(
                    order_id=str(order.id),
                    snapshot_id=snapshot.snapshot_id,
                    unproven=absence.in_words(doubts),
                )
            )
    return missing, doubted


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
            repeat_cancel(order, request, Cause(actor="reconciliation", at=clock.now()))
        store_orders(orders)
    return len(orders)


def _message(snapshot: Snapshot, row: Row) -> InboundMessage:
    topic, event = _topic(row), row
    if isinstance(row, OrderReport):
        event = msgspec.structs.replace(row, snapshot_at=snapshot.started_at)
    return InboundMessage(
        event=event,
        dedup_key=f"{topic}:{snapshot.snapshot_id}:{_variant(row)}",
        raw={"snapshot": snapshot.snapshot_id},
        received_at=snapshot.finished_at,
        topic=topic,
    )


def _topic(row: Row) -> str:
    """What a row is about, the same in every snapshot, whatever else it says wrong."""
    if isinstance(row, OrderAbsent):
        return _absence_topic(row.order_id)
    if isinstance(row, ExecutionsMissing):
        return f"{SNAPSHOT_TOPIC}unexplained:{row.order_id}"
    said = row.identity
    return f"{SNAPSHOT_TOPIC}{said.order_ref or said.perm_id or (said.client_id, said.broker_order_id)}"


def _variant(row: Row) -> str:
    """Tells rows of one snapshot about the same apart: two orders may have one reference."""
    return f"{row.identity.perm_id}:{row.source}" if isinstance(row, OrderReport) else ""


def _absence_topic(order_id: str | UUID) -> str:
    return f"{SNAPSHOT_TOPIC}absent:{order_id}"


def _as_difference(report: OrderReport, parked: bool) -> dict[str, str]:
    identity = report.identity
    not_applied = ", which could not be applied" if parked else ""
    return {
        "order_ref": storable.text(identity.order_ref),
        "perm_id": str(identity.perm_id),
        "difference": f"the broker says {report.status}{not_applied}",
    }


def _record(
    session: str,
    kind: ReconciliationKind,
    snapshot: Snapshot,
    counts: dict[str, int],
    differences: Iterable[dict[str, str]],
    *,
    ok: bool,
    steps: Steps | None = None,
) -> ReconciliationRun:
    return ReconciliationRun.objects.create(
        session_id=session,
        kind=kind,
        started_at=snapshot.started_at,
        finished_at=clock.now(),
        ok=ok,
        error=steps.finish() if steps else "",
        counts=counts,
        differences=storable.plain(list(differences)[:500]),
    )


RUN_RETENTION = timedelta(days=7)


def forget_old_runs() -> int:
    """Delete results older than a week; those with differences stay."""
    old = ReconciliationRun.objects.filter(finished_at__lt=clock.now() - RUN_RETENTION, ok=True)
    return old.delete()[0]
