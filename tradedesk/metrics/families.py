"""What is there now: open orders, what waits, sessions, alerts and breaks, executions."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import Metric

from brokers.models import GatewaySession, InboxMessage
from brokers.port import Link
from orders.controls.audit.seal import unsealed_for
from orders.models import (
    ALIVE,
    Alert,
    Break,
    Execution,
    Order,
    OutboxCommand,
    ScopeState,
    State,
    TradingState,
)
from orders.selectors import oldest_unsettled_at
from tradedesk.metrics.make import age, gauge, seconds


def collect() -> Iterator[Metric]:
    """All of them."""
    yield from orders()
    yield from queues()
    yield from sessions()
    yield trading_states()
    yield from alerts()
    yield executions()
    yield stream_lag()
    yield gauge(
        "tradedesk_audit_unsealed_seconds", "Age of the oldest row not sealed.", [((), unsealed_for())]
    )


def orders() -> Iterator[Metric]:
    """Open orders by state with the age of the oldest."""
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
        [((state,), age(row["oldest"], now)) for state, row in found.items()],
        ("state",),
    )


def queues() -> Iterator[Metric]:
    """What waits: commands for the broker, and messages of the broker."""
    now = timezone.now()
    outbox = OutboxCommand.objects.filter(done_at=None).aggregate(count=Count("id"), oldest=Min("created_at"))
    inbox = InboxMessage.objects.filter(applied_at=None).aggregate(
        count=Count("id"), oldest=Min("received_at"), errors=Count("id", filter=~Q(error=""))
    )
    for name, description, row in (
        ("outbox", "Commands not yet claimed", outbox),
        ("inbox", "Broker messages not yet applied", inbox),
    ):
        yield gauge(f"tradedesk_{name}_waiting", f"{description}.", [((), row["count"])])
        oldest = age(row["oldest"], now) if row["oldest"] else 0
        yield gauge(f"tradedesk_{name}_oldest_seconds", f"{description}: age of the oldest.", [((), oldest)])
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
        [((row.name,), age(row.heartbeat_at, now)) for row in rows if row.heartbeat_at],
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


def trading_states() -> Metric:
    """What may be traded, of every scope that was ever set."""
    rank = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}
    rows = ScopeState.objects.values_list("scope", "state")
    return gauge(
        "tradedesk_trading_state",
        "0 ACTIVE, 1 REDUCING, 2 HALTED, by scope.",
        [((scope,), rank[TradingState(state)]) for scope, state in rows],
        ("scope",),
    )


def alerts() -> Iterator[Metric]:
    """What waits for a person, by kind: alerts and breaks."""
    now = timezone.now()
    for name, description, rows, since in (
        ("alerts", "Alerts", Alert.objects.filter(cleared_at=None), "raised_at"),
        ("breaks", "Differences with the broker", Break.objects.filter(closed_at=None), "first_seen"),
    ):
        found = list(rows.order_by().values("kind").annotate(count=Count("id"), oldest=Min(since)))
        counts = [((row["kind"],), row["count"]) for row in found]
        ages = [((row["kind"],), age(row["oldest"], now)) for row in found]
        yield gauge(f"tradedesk_{name}_open", f"{description} that are open, by kind.", counts, ("kind",))
        yield gauge(f"tradedesk_{name}_oldest_seconds", f"{description}: age of the oldest.", ages, ("kind",))


def stream_lag() -> Metric:
    """How far the event stream and the webhooks are behind what is committed."""
    oldest = oldest_unsettled_at()
    lag = age(oldest, timezone.now()) if oldest else 0
    return gauge(
        "tradedesk_stream_lag_seconds", "Age of the oldest event that readers cannot see yet.", [((), lag)]
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
