"""What the processes behind the API do: sessions, pacing, breakers, comparisons, Celery's queues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Max
from django.utils import timezone
from prometheus_client.core import Metric

from brokers.gate.breaker import BreakerState
from brokers.models import GatewaySession
from orders.models import Order, ReconciliationRun
from orders.models.references import first_id_at
from orders.notify import redis_client
from orders.notify.queues import waiting
from orders.notify.submission_counts import submission_counts
from tradedesk.metrics.make import age, counter, gauge

PACED_OVER = timedelta(seconds=10)
#: An order that waited longer than this before it was claimed is left out of the pacing.
WAITED_AT_MOST = timedelta(minutes=5)


def collect() -> Iterator[Metric]:
    """All of them."""
    yield from breakers()
    yield pacing()
    yield comparisons()
    yield from celery_queues()
    yield from submissions()


def breakers() -> Iterator[Metric]:
    """State of each session's circuit breaker."""
    rows = GatewaySession.objects.order_by("name").values_list("name", "breaker")
    yield gauge(
        "tradedesk_session_breaker",
        "1 for the state in which a session's circuit breaker is.",
        [((name, state.value), float(breaker == state)) for name, breaker in rows for state in BreakerState],
        ("session", "state"),
    )


def pacing() -> Metric:
    """How much of what the gateway takes is used."""
    now = timezone.now()
    claimed = Order.objects.filter(
        id__gte=first_id_at(now - WAITED_AT_MOST), claimed_at__gte=now - PACED_OVER
    )
    counts = dict(claimed.order_by().values_list("session").annotate(Count("id")))
    allowed = settings.PACING_PER_SECOND * PACED_OVER.total_seconds()
    return gauge(
        "tradedesk_session_pacing_used_ratio",
        "New orders sent in the last ten seconds, of those that pacing allows.",
        [((name,), counts.get(name, 0) / allowed) for name in settings.BROKER_SESSIONS],
        ("session",),
    )


def comparisons() -> Metric:
    """When each kind of comparison with the broker last came to its end."""
    now = timezone.now()
    last = (
        ReconciliationRun.objects.filter(error="", started_at__gte=now - timedelta(days=1))
        .order_by()
        .values_list("session", "kind")
        .annotate(Max("finished_at"))
    )
    return gauge(
        "tradedesk_reconciliation_age_seconds",
        "Time since the last complete comparison with the broker.",
        [((session, kind), age(at, now)) for session, kind, at in last],
        ("session", "kind"),
    )


def celery_queues() -> Iterator[Metric]:
    """Messages that wait in Celery's queues; nothing when Redis is away, and that is told."""
    try:
        found = waiting(queue.name for queue in settings.CELERY_TASK_QUEUES)
    except redis_client.REDIS_ERRORS:
        found = None
    yield gauge("tradedesk_redis_up", "Whether Redis answers.", [((), float(found is not None))])
    yield gauge(
        "tradedesk_celery_queue_messages",
        "Messages that wait in each of Celery's queues.",
        [((each.queue,), each.messages) for each in found or ()],
        ("queue",),
    )
    yield gauge(
        "tradedesk_celery_queue_oldest_seconds",
        "Time that the oldest message of each of Celery's queues waits.",
        [((each.queue,), each.oldest) for each in found or ()],
        ("queue",),
    )


def submissions() -> Iterator[Metric]:
    """What sent the orders: Celery's task, or the sweep that finds what a task missed; none without Redis."""
    try:
        sums = submission_counts(settings.BROKER_SESSIONS)
    except redis_client.REDIS_ERRORS:
        return

    def of_each(part: str) -> list[tuple[tuple[str, str], float]]:
        return [((row.session, row.started_by), getattr(row, part)) for row in sums]

    labels = ("session", "started_by")
    yield counter("tradedesk_submissions", "Runs of a session's submission.", of_each("runs"), labels)
    yield counter("tradedesk_submission_seconds", "Time they took.", of_each("seconds"), labels)
    yield counter(
        "tradedesk_submitted_commands",
        "Orders, replaces and cancels that they handed over.",
        of_each("commands"),
        labels,
    )
