"""The figures of the desk's first page; each is one query over the accounts that a person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, DecimalField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from brokers.models import GatewaySession, Instrument
from orders.access import Accounts
from orders.controls.halts.states import StateNow, not_active
from orders.models import (
    ALIVE,
    EXECUTED,
    ActionRecord,
    Alert,
    Break,
    DeskAction,
    Execution,
    Order,
    OrderEvent,
    State,
    TradingState,
)
from orders.models.execution import WHOLES
from orders.models.order import of_accounts
from orders.models.references import first_id_at
from orders.risk.states import States
from orders.store.states import read_states

LOOK_BACK = timedelta(days=1)  # a refused order of yesterday does not call any more
HEARTBEAT_LIMIT = timedelta(seconds=10)
STUCK_AFTER = timedelta(seconds=30)  # CREATED or SENT for longer is not normal
POINTS = 60
MONEY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=38, decimal_places=10)


def midnight() -> datetime:
    """The beginning of the day, UTC."""
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def open_counts(accounts: Accounts) -> dict[str, int]:
    """How many orders are in each state in which something is still expected."""
    moving = Order.objects.filter(account__in=accounts, state__in=[*ALIVE, State.FILLED])
    rows = moving.order_by().values("state").annotate(count=Count("id"))
    return {str(row["state"]): row["count"] for row in rows}


def reviewed() -> Exists:
    """Whether somebody has marked the order as reviewed."""
    return Exists(ActionRecord.objects.filter(order=OuterRef("pk"), action=DeskAction.REVIEW, ok=True))


def calling() -> Q:
    """Orders that need a person: in doubt, held, or refused or failed since yesterday and not reviewed."""
    doubtful = Q(state=State.UNCONFIRMED) | Q(state__in=ALIVE, held_for_desk=True)
    since = first_id_at(timezone.now() - LOOK_BACK)
    return doubtful | (Q(state__in=[State.REJECTED, State.FAILED], id__gte=since) & ~Q(reviewed()))


def calling_orders(accounts: Accounts) -> QuerySet[Order]:
    """Those orders, doubt first, then the newest."""
    found = Order.objects.filter(calling(), of_accounts(accounts))
    return found.select_related("instrument", "client").order_by("-state", "-id")  # UNCONFIRMED is last


def open_alerts(accounts: Accounts) -> QuerySet[Alert]:
    """Alerts that nobody has cleared; those about an order are told by the order itself."""
    theirs = Q(session__accounts__in=accounts) | Q(session=None)
    return Alert.objects.filter(theirs, cleared_at=None, order=None).distinct().order_by("id")


def open_breaks(accounts: Accounts) -> int:
    """How many differences with the broker nobody has closed."""
    theirs = Q(account__in=accounts) | Q(account=None, session__accounts__in=accounts)
    return Break.objects.filter(theirs, closed_at=None).distinct().count()


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How many things wait for a person, by the list that shows them."""

    orders: int
    alerts: int

    @property
    def count(self) -> int:
        """All of them."""
        return self.orders + self.alerts


def waiting(accounts: Accounts) -> Waiting:
    """What waits for a person."""
    orders = Order.objects.filter(calling(), of_accounts(accounts)).count()
    return Waiting(orders=orders, alerts=open_alerts(accounts).count())


def stuck_orders(accounts: Accounts) -> QuerySet[Order]:
    """Orders that have not moved on for longer than is normal; they are not in doubt yet."""
    late = timezone.now() - STUCK_AFTER
    waiting = Order.objects.filter(account__in=accounts, state__in=[State.CREATED, State.SENT])
    return waiting.filter(updated_at__lt=late).select_related("instrument").order_by("id")


@dataclass(frozen=True, kw_only=True)
class Today:
    """Orders of the day by what became of them."""

    total: int
    refused: int
    failed: int
    filled: int

    @property
    def success_rate(self) -> float | None:
        """Share that was neither refused nor given up, in percent; None without orders."""
        return 100 * (self.total - self.refused - self.failed) / self.total if self.total else None

    @property
    def error_rate(self) -> float | None:
        """The other share."""
        return None if self.success_rate is None else 100 - self.success_rate


def today(accounts: Accounts) -> Today:
    """Orders recorded since midnight UTC."""
    rows = Order.objects.filter(id__gte=first_id_at(midnight()), account__in=accounts).order_by()
    counted = rows.aggregate(
        total=Count("id"),
        refused=Count("id", filter=Q(state=State.REJECTED)),
        failed=Count("id", filter=Q(state=State.FAILED)),
        filled=Count("id", filter=Q(state__in=EXECUTED)),
    )
    return Today(**counted)


def notional_today(accounts: Accounts) -> list[dict[str, Any]]:
    """Executions of the day by account and currency: how many, and their value."""
    rows = Execution.objects.filter(
        account__in=accounts, superseded=False, transact_time__gte=midnight()
    ).exclude(WHOLES)
    by_account = rows.order_by().values("account", "currency")
    value = Sum(F("last_qty") * F("last_px") * F("multiplier"), output_field=MONEY)
    found = by_account.annotate(fills=Count("id"), value=value).order_by("account", "currency")
    return [dict(row) for row in found]


def rejects_by_reason(accounts: Accounts) -> list[dict[str, Any]]:
    """Refused and failed orders of the day by reason, the most frequent first."""
    rows = Order.objects.filter(
        id__gte=first_id_at(midnight()),
        account__in=accounts,
        state__in=[State.REJECTED, State.FAILED],
    )
    found = rows.order_by().values("reason_code").annotate(count=Count("id")).order_by("-count")
    return [dict(row) for row in found[:8]]


#: Hops of an order that the first page shows: words, from which of its times to which, whose time it is.
HOPS = (
    ("Request to recorded", "received_at", "recorded_at", "ours"),
    ("Waiting in the queue", "queued_at", "claimed_at", "ours"),
    ("Claimed to sent", "claimed_at", "sent_at", "ours"),
    ("Broker acknowledges", "sent_at", "acknowledged_at", "broker"),
    ("Sent to first fill", "sent_at", "first_fill_at", "broker"),
    ("Request to sent, in all", "received_at", "sent_at", "ours"),
)


def hop_times(accounts: Accounts) -> list[dict[str, Any]]:
    """Median, 99th percentile (milliseconds) and count of each hop over the orders of the last hour."""
    columns = ", ".join(
        "percentile_cont(ARRAY[0.5, 0.99])"
        f" WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM {end} - {begin})), count({end} - {begin})"
        for _, begin, end, _ in HOPS
    )
    since = first_id_at(timezone.now() - timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM orders_order WHERE id >= %s AND account_id = ANY(%s)",  # noqa: S608
            [since, list(accounts)],
        )
        row = cursor.fetchone()
    return [
        {"name": name, "whose": whose, "p50": both[0], "p99": both[1], "count": count}
        for (name, _, _, whose), both, count in zip(
            HOPS, [pair or (None, None) for pair in row[::2]], row[1::2], strict=True
        )
    ]


MINUTES = """
SELECT floor((extract(epoch FROM received_at) - %(start)s) / %(width)s)::int,
    count(*) FILTER (WHERE state NOT IN ('REJECTED', 'FAILED')),
    count(*) FILTER (WHERE state = 'REJECTED'), count(*) FILTER (WHERE state = 'FAILED'),
    percentile_cont(ARRAY[0.5, 0.99])
        WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - received_at) * 1000),
    percentile_cont(ARRAY[0.5, 0.99])
        WITHIN GROUP (ORDER BY extract(epoch FROM acknowledged_at - sent_at) * 1000)
FROM orders_order WHERE id >= %(first)s AND account_id = ANY(%(accounts)s) GROUP BY 1
"""


def over_the_day(accounts: Accounts) -> dict[str, Any]:
    """Orders and latencies since the day's first order, in at most 60 spans: the data of the charts."""
    first = first_id_at(midnight())
    begin = (
        Order.objects.filter(id__gte=first, account__in=accounts)
        .order_by("id")
        .values_list("received_at", flat=True)
        .first()
    ) or timezone.now()
    start = begin.replace(second=0, microsecond=0).timestamp()
    minutes = (timezone.now().timestamp() - start) / 60
    width = max(1, -(-int(minutes + 1) // POINTS)) * 60
    facts: dict[str, Any] = {"start": start, "width": width, "first": first, "accounts": list(accounts)}
    with connection.cursor() as cursor:
        cursor.execute(MINUTES, facts)
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    return _series(start, width, int(minutes * 60 / width) + 1, found)


def _series(start: float, width: int, count: int, found: dict[int, Any]) -> dict[str, Any]:
    spans = [found.get(index, (0, 0, 0, None, None)) for index in range(count)]
    return {
        "minutes": width // 60,
        "at": [start + index * width for index in range(count)],
        "accepted": [span[0] for span in spans],
        "refused": [span[1] for span in spans],
        "failed": [span[2] for span in spans],
        **_pair("ours", [span[3] for span in spans]),
        **_pair("broker", [span[4] for span in spans]),
    }


def _pair(name: str, values: Iterable[list[float | None] | None]) -> dict[str, list[float | None]]:
    pairs = [value or [None, None] for value in values]
    rounded = [[None if part is None else round(part, 1) for part in pair] for pair in pairs]
    return {f"{name}_p50": [pair[0] for pair in rounded], f"{name}_p99": [pair[1] for pair in rounded]}


def is_heard_of(session: GatewaySession, now: datetime) -> bool:
    """Whether the session's broker worker gave a sign of life lately: of a silent one no fact is known."""
    return bool(session.heartbeat_at and session.heartbeat_at > now - HEARTBEAT_LIMIT)


def why_shut(session: GatewaySession, states: States, now: datetime) -> str:
    """Why no new order goes out by this session; empty when the gate is open."""
    window, in_force = settings.GATEWAY_CALENDARS[session.name].restart, states.of_session(session.name)
    reasons = [
        (in_force and in_force.state == TradingState.HALTED, str(in_force)),
        (not is_heard_of(session, now), "its broker worker is silent"),
        (session.link != "READY", f"the link is {session.link}: {session.link_reason or 'no reason given'}"),
        (window and window.covers(now), "the gateway's restart window"),
        (session.breaker == "OPEN", "the breaker is open: orders got no answer"),
    ]
    return "; ".join(text for shut, text in reasons if shut)


@dataclass(frozen=True, kw_only=True)
class WayToBroker:
    """What every page says of the broker: per session link, gate and breaker; states; the newest price."""

    sessions: list[tuple[GatewaySession, str]]  # with why its gate is shut
    states: list[StateNow]
    newest_px_at: datetime | None

    @property
    def shut(self) -> list[tuple[GatewaySession, str]]:
        """Sessions by which no new order goes out."""
        return [(session, why) for session, why in self.sessions if why]

    @property
    def facts(self) -> str:
        """All of it but ages, as one text: another one means that something has changed."""
        sessions = [f"{row.name} {row.link} {row.breaker} {why}" for row, why in self.sessions]
        return "; ".join([*sessions, *(f"{row.scope} {row.state} {row.reason}" for row in self.states)])


def way_to_broker(accounts: Accounts) -> WayToBroker:
    """How the way to the broker is now for who sees these accounts."""
    now, states = timezone.now(), read_states()
    newest = Instrument.objects.exclude(last_px_at=None).order_by("-last_px_at").values("last_px_at")[:1]
    found = GatewaySession.objects.filter(accounts__in=accounts).distinct().order_by("name")
    rows = list(found.annotate(newest_px_at=Subquery(newest)))
    for row in rows:
        row.alive = is_heard_of(row, now)  # type: ignore[attr-defined]
    return WayToBroker(
        sessions=[(row, why_shut(row, states, now)) for row in rows],
        states=not_active(accounts) if states.by_scope else [],
        newest_px_at=rows[0].newest_px_at if rows else None,
    )


def newest_events(accounts: Accounts, limit: int) -> QuerySet[OrderEvent]:
    """What happened last."""
    rows = OrderEvent.objects.filter(of_accounts(accounts, "order__account"))
    return rows.select_related("order__instrument").order_by("-id")[:limit]
