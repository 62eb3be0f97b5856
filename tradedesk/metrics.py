"""/metrics for Prometheus, read from PostgreSQL at each scrape: right with any number of processes.

Every query stays cheap however many orders are stored: open orders, outbox and inbox have partial
indexes, and what is counted by time starts at a primary key, because ids of orders hold their time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta

from django.db import Error, connection
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from brokers.models import GatewaySession, InboxMessage
from brokers.port import Link
from orders.models import ALIVE, Alert, Break, Execution, Order, OutboxCommand, State
from orders.models.order import first_id_at

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=5)
QUANTILES = (0.5, 0.9, 0.99)
#: Hops of an order: name, from which of its times to which.
HOPS = (
    ("record", "received_at", "recorded_at"),
    ("claim", "queued_at", "claimed_at"),
    ("send", "claimed_at", "sent_at"),
    ("acknowledge", "sent_at", "acknowledged_at"),
    ("fill", "sent_at", "first_fill_at"),
    ("complete", "last_fill_at", "completed_at"),
    ("receive_to_send", "received_at", "sent_at"),
)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics; a database that is away is itself a metric."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DeskCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class DeskCollector(Collector):
    """Collects everything of one scrape."""

    def collect(self) -> Iterator[Metric]:
        """All families, or only `tradedesk_database_up 0`."""
        try:
            families = [*orders(), *queues(), *sessions(), *alerts(), *latencies(), executions()]
        except Error as error:
            log.warning("metrics not read", extra={"error": str(error)})
            families = []
        yield gauge("tradedesk_database_up", "Whether PostgreSQL answers.", [((), 1 if families else 0)])
        yield from families


def gauge(
    name: str, says: str, samples: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    """A gauge with its samples: (label values, value)."""
    family = GaugeMetricFamily(name, says, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def orders() -> Iterator[Metric]:
    """Open orders by state with the age of the oldest, and what became of today's orders."""
    moving = [*ALIVE, State.FILLED]
    now = timezone.now()
    rows = Order.objects.filter(state__in=moving).order_by().values("state")
    counted = rows.annotate(count=Count("id"), oldest=Min("updated_at"))
    found = {str(row["state"]): row for row in counted}
    yield gauge(
        "tradedesk_orders_open",
        "Orders that still move, by state.",
        [((state.value,), found[state.value]["count"] if state.value in found else 0) for state in moving],
        ("state",),
    )
    yield gauge(
        "tradedesk_orders_oldest_seconds",
        "Time since the last change of the order of this state that waited longest.",
        [((state,), seconds(now - row["oldest"])) for state, row in found.items()],
        ("state",),
    )
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = (
        Order.objects.filter(id__gte=first_id_at(midnight))
        .order_by()
        .values("state")
        .annotate(count=Count("id"))
    )
    yield gauge(
        "tradedesk_orders_today",
        "Orders recorded since midnight UTC, by their state now.",
        [((row["state"],), row["count"]) for row in today],
        ("state",),
    )


def queues() -> Iterator[Metric]:
    """What waits: commands for the broker, and messages of the broker."""
    now = timezone.now()
    outbox = OutboxCommand.objects.filter(done_at=None).aggregate(count=Count("id"), oldest=Min("created_at"))
    inbox = InboxMessage.objects.filter(applied_at=None).aggregate(
        count=Count("id"), oldest=Min("received_at"), errors=Count("id", filter=~Q(error=""))
    )
    for name, says, row in (
        ("outbox", "Commands not yet claimed", outbox),
        ("inbox", "Broker messages not yet applied", inbox),
    ):
        yield gauge(f"tradedesk_{name}_waiting", f"{says}.", [((), row["count"])])
        age = seconds(now - row["oldest"]) if row["oldest"] else 0
        yield gauge(f"tradedesk_{name}_oldest_seconds", f"{says}: age of the oldest.", [((), age)])
    yield gauge("tradedesk_inbox_errors", "Broker messages whose last try failed.", [((), inbox["errors"])])


def sessions() -> Iterator[Metric]:
    """State of each broker session."""
    rows = list(GatewaySession.objects.order_by("name"))
    now = timezone.now()
    yield gauge(
        "tradedesk_session_link",
        "1 for the state in which a session's link is.",
        [((row.name, link.value), float(row.link == link)) for row in rows for link in Link],
        ("session", "link"),
    )
    yield gauge(
        "tradedesk_session_heartbeat_age_seconds",
        "Time since the session's worker was last heard of.",
        [((row.name,), seconds(now - row.heartbeat_at)) for row in rows if row.heartbeat_at],
        ("session",),
    )
    yield gauge(
        "tradedesk_session_lease_left_seconds",
        "Time until the lease ends; below 0 nobody holds it.",
        [((row.name,), seconds(row.lease_until - now)) for row in rows if row.lease_until],
        ("session",),
    )
    yield gauge(
        "tradedesk_session_lease_epoch",
        "Counts the holders of the lease.",
        [((row.name,), row.lease_epoch) for row in rows],
        ("session",),
    )


def alerts() -> Iterator[Metric]:
    """What waits for a person, by kind: alerts and breaks."""
    now = timezone.now()
    for name, says, rows, since in (
        ("alerts", "Alerts", Alert.objects.filter(cleared_at=None), "raised_at"),
        ("breaks", "Differences with the broker", Break.objects.filter(closed_at=None), "first_seen"),
    ):
        found = list(rows.order_by().values("kind").annotate(count=Count("id"), oldest=Min(since)))
        counts = [((row["kind"],), row["count"]) for row in found]
        ages = [((row["kind"],), seconds(now - row["oldest"])) for row in found]
        yield gauge(f"tradedesk_{name}_open", f"{says} that are open, by kind.", counts, ("kind",))
        yield gauge(f"tradedesk_{name}_oldest_seconds", f"{says}: age of the oldest.", ages, ("kind",))


def latencies() -> Iterator[Metric]:
    """Quantiles of each hop over the orders of the last five minutes; a gauge, because the window moves."""
    columns = ", ".join(
        f"percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY extract(epoch FROM {end} - {begin})), "
        f"count({end} - {begin})"
        for _, begin, end in HOPS
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM orders_order WHERE id >= %s",  # noqa: S608 - our own column names
            [*[list(QUANTILES)] * len(HOPS), first_id_at(timezone.now() - WINDOW)],
        )
        row = cursor.fetchone()
    names = [name for name, _, _ in HOPS]
    quantiles = dict(zip(names, row[::2], strict=True))
    yield gauge(
        "tradedesk_hop_seconds",
        "Time that orders of the last five minutes took for a hop.",
        [
            ((name, str(quantile)), value)
            for name, values in quantiles.items()
            for quantile, value in zip(QUANTILES, values or (), strict=False)
        ],
        ("hop", "quantile"),
    )
    yield gauge(
        "tradedesk_hop_orders",
        "Orders of the last five minutes that have passed a hop.",
        [((name,), count) for name, count in zip(names, row[1::2], strict=True)],
        ("hop",),
    )


def executions() -> Metric:
    """Executions stored: counted while there are few, the planner's estimate when there are many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN reltuples < 1e6 THEN (SELECT count(*) FROM orders_execution) ELSE reltuples END"
            " FROM pg_class WHERE oid = %s::regclass",
            [Execution._meta.db_table],
        )
        (count,) = cursor.fetchone()
    return gauge("tradedesk_executions", "Executions stored; an estimate above a million.", [((), count)])


def seconds(span: timedelta) -> float:
    """A time span as Prometheus wants it."""
    return span.total_seconds()
