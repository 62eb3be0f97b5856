"""What a snapshot says that our books do not: orders that moved, orders not shown, executions not told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from brokers.messages import ExecutionsMissing, OrderAbsent, OrderReport, Snapshot
from orders.booking import request_answers
from orders.booking.working_set import WorkingSet
from orders.models import AT_BROKER, BreakKind, Order, Source, State
from orders.reconciliation import breaks, comparison
from orders.reconciliation.evidence import SnapshotEvidence
from orders.reconciliation.snapshot_rows import parts
from orders.sending import absence
from orders.sending.absence import Doubt
from orders.sending.unknown_outcome import ROUNDS


def news_of(session: str, snapshot: Snapshot) -> tuple[list[OrderReport], set[UUID]]:
    """(reports that say something our books do not, ids of our orders that the snapshot shows)."""
    news: list[OrderReport] = []
    seen: set[UUID] = set()
    for part in parts(snapshot.orders):
        with transaction.atomic():
            known = WorkingSet(session, part)
        for report in part:
            order = known.find(report)
            if order is not None:
                seen.add(order.id)
            if order is None or _is_news(known, order, report):
                news.append(report)
    return news, seen


def _is_news(known: WorkingSet, order: Order, report: OrderReport) -> bool:
    """A row that cannot even be compared is news too: applying it says why."""
    try:
        return comparison.differs(order, report) or bool(request_answers.in_flight(known, order))
    except Exception:
        return True


def missing_orders(
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


def unexplained(session: str, news: Sequence[OrderReport]) -> list[ExecutionsMissing]:
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
