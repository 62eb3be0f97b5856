"""What a snapshot says that our books do not: orders that moved, orders not shown, executions not told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q

from brokers.messages import ExecutionsMissing, OrderAbsent, OrderReport, Snapshot
from brokers.rows import Keys
from orders.booking import request_answers
from orders.booking.duplicates import OVER
from orders.booking.request_answers import LIVING
from orders.booking.working_set import WorkingSet
from orders.models import AT_BROKER, DEAD, EXECUTED, BreakKind, Order, Source, State
from orders.reconciliation import breaks, comparison
from orders.reconciliation.evidence import SnapshotEvidence
from orders.reconciliation.snapshot_rows import parts
from orders.sending import absence
from orders.sending.absence import Doubt
from orders.sending.unknown_outcome import ROUNDS


@dataclass
class News:
    """What a snapshot says that our books do not."""

    reports: list[OrderReport] = field(default_factory=list)
    #: Ids of our orders that it shows.
    seen: Keys = field(default_factory=Keys)
    #: Whether it shows orders as working that are over here, which one snapshot alone does not prove.
    contradicts: bool = False


def news_of(session: str, snapshot: Snapshot) -> News:
    """What our books do not have; what contradicts them once more is marked."""
    news = News()
    contradicting: dict[UUID, int] = {}
    ended: set[UUID] = set()
    for part in parts(snapshot.orders):
        with transaction.atomic():
            known = WorkingSet(session, part)
        for report in part:
            order = known.find(report)
            if order is None:
                news.reports.append(report)
                continue
            news.seen.add(str(order.id))
            if _is_news(known, order, report):
                if _contradicts(order, report, snapshot):
                    contradicting[order.id] = len(news.reports)
                news.reports.append(report)
            if report.status in OVER:
                ended.add(order.id)
    contradicting = {pk: at for pk, at in contradicting.items() if pk not in ended}
    news.contradicts = bool(contradicting)
    if contradicting and snapshot.full:
        _mark_shown_again(session, news, contradicting)
    return news


def _contradicts(order: Order, report: OrderReport, snapshot: Snapshot) -> bool:
    """Whether an order is shown as working that was over here before the snapshot began."""
    is_over = order.state in DEAD or (
        order.state in EXECUTED and report.terms is not None and report.terms.order_qty > order.cum_qty
    )
    same = order.perm_id in (None, report.identity.perm_id)
    return is_over and same and report.status in LIVING and order.updated_at < snapshot.started_at


def _mark_shown_again(session: str, news: News, contradicting: dict[UUID, int]) -> None:
    """Mark those that the complete snapshot before contradicted alike: its break is open and says so."""
    for pk in breaks.open_about(session, contradicting, LIVING):
        at = contradicting[pk]
        news.reports[at] = msgspec.structs.replace(news.reports[at], shown_again=True)


def _is_news(known: WorkingSet, order: Order, report: OrderReport) -> bool:
    """A row that cannot even be compared is news too: applying it says why."""
    try:
        if comparison.differs(order, report, known.executions(order)):
            return True
        return bool(request_answers.in_flight(known, order)) or request_answers.proves(known, order, report)
    except Exception:
        return True


def missing_orders(
    session: str,
    snapshot: Snapshot,
    seen: Keys,
    lease_epoch: int,
    evidence: SnapshotEvidence,
) -> tuple[list[OrderAbsent], dict[Order, list[Doubt]]]:
    """Our orders that should be there and are not shown; and those of which that says nothing yet, and why.

    One that was just sent is not judged: on a socket of ours that still lives, its answer may be on
    the way until the acknowledgement deadline. A former holder's or a former connection's is.
    One that was acknowledged after the snapshot began is not judged either: its row may have been
    written before the order arrived.
    Orders of others are judged like ours, from when we first saw them.
    """
    known_before = Q(claimed_at__lt=snapshot.started_at) | Q(
        source=Source.EXTERNAL, received_at__lt=snapshot.started_at
    )
    expected = Order.objects.filter(
        known_before, session_id=session, state__in=AT_BROKER, held_for_desk=False
    ).exclude(acknowledged_at__gte=snapshot.started_at)
    # Here, not in the query: what is shown are all orders of the day, what is not shown hardly any.
    not_shown = [pk for pk in expected.values_list("pk", flat=True).iterator() if str(pk) not in seen]
    missing, doubted = [], {}
    for order in expected.filter(pk__in=not_shown).select_related("instrument"):
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
        and comparison.executions_missing(order, report, known.executions(order))
        and breaks.times_seen(session, BreakKind.ORDER, str(order.id)) >= ROUNDS
    ]
