"""Reading: what the API and the desk show. Every list names its related rows, so none is read one by one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import BigIntegerField, Count, Exists, Func, OuterRef, Prefetch, Q, QuerySet
from django.shortcuts import get_object_or_404

from brokers.fix import OrdStatus
from brokers.models import AccountValue, BrokerAccount, GatewaySession, Instrument, Position
from brokers.postgres import prepared
from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    ApiToken,
    Break,
    Order,
    OrderEvent,
    OrderRequest,
    RequestKind,
    State,
    Webhook,
    ord_status,
)
from orders.models.ord_status import STANDINGS
from orders.models.order import GROUP_ORDERS, of_accounts

Accounts = Collection[str]
BIGGEST = 2**63 - 1
#: Steps of an order's life in the order in which they happen; `<step>_at` is its time.
STEPS = (
    "received",
    "recorded",
    "queued",
    "claimed",
    "sent",
    "acknowledged",
    "first_fill",
    "last_fill",
    "completed",
)


def shown_as(status: OrdStatus) -> Q:
    """Orders whose ord_status is this one: the same rule as `ord_status`, asked backwards."""
    cancel, replace = open_request(RequestKind.CANCEL), open_request(RequestKind.REPLACE)
    if status == OrdStatus.PENDING_CANCEL:
        return Q(cancel)
    if status == OrdStatus.PENDING_REPLACE:
        return Q(replace) & ~Q(cancel)
    shown = Q()
    for standing, empty, filled in states_shown_as(status):
        of_state = Q(state__in=empty, cum_qty=0) | Q(state__in=filled, cum_qty__gt=0)
        shown |= Q(of_state, standing=standing)
    return shown & ~Q(cancel) & ~Q(replace)


@cache
def states_shown_as(status: OrdStatus) -> list[tuple[str, list[State], list[State]]]:
    """By standing: states shown as this status without and with something executed, no request open."""

    def states(standing: str, cum_qty: int) -> list[State]:
        return [state for state in State if ord_status(state, Decimal(cum_qty), (), standing) == status]

    found = [(standing, states(standing, 0), states(standing, 1)) for standing in ("", *STANDINGS)]
    return [row for row in found if row[1] or row[2]]


def open_request(kind: RequestKind) -> Exists:
    """Whether an order has a request of this kind that was not answered yet."""
    return Exists(OrderRequest.objects.filter(order=OuterRef("pk"), kind=kind, state__in=OPEN_REQUESTS))


def orders_of(accounts: Accounts) -> QuerySet[Order]:
    """Orders of these accounts, newest first, with instrument and requests."""
    requests = Prefetch("requests", queryset=OrderRequest.objects.order_by("id"))
    return (
        Order.objects.filter(of_accounts(accounts))
        .select_related("instrument")
        .prefetch_related(requests)
        .order_by("-id")
    )


def order_of(accounts: Accounts, order_id: UUID) -> Order:
    """One order with its instrument; raises Order.DoesNotExist also for an order of another account."""
    return _order_of(accounts, order_id)[0]


def order_and_requests(accounts: Accounts, order_id: UUID) -> tuple[Order, list[OrderRequest]]:
    """The same with its requests, first to last; of an order that has none they are not looked for."""
    order, asked = _order_of(accounts, order_id)
    return order, list(OrderRequest.objects.filter(order=order).order_by("id")) if asked else []


def _order_of(accounts: Accounts, order_id: UUID) -> tuple[Order, bool]:
    """The order, and whether anything was asked about it: one prepared statement, it is read most of all."""
    found = prepared.rows(_order_sql(), {"id": order_id, "accounts": list(accounts)})
    if not found:
        raise Order.DoesNotExist(f"There is no order {order_id}.")
    row, own = found[0], prepared.column_count(Order)
    order = prepared.from_row(Order, row[:own])
    order.instrument = prepared.from_row(Instrument, row[own:-1])
    return order, row[-1]


@cache
def _order_sql() -> str:
    return f"""
        SELECT {prepared.columns(Order, "o")}, {prepared.columns(Instrument, "i")},
            EXISTS (SELECT FROM orders_orderrequest r WHERE r.order_id = o.id)
        FROM orders_order o JOIN brokers_instrument i ON i.id = o.instrument_id
        WHERE o.id = %(id)s AND COALESCE(o.account_id, '{GROUP_ORDERS}') = ANY(%(accounts)s)
    """  # noqa: S608 - columns of our own models


def order_of_client(accounts: Accounts, client: User, cl_ord_id: str) -> Order:
    """The order that this client gave this id, itself or by a request on it; raises Order.DoesNotExist."""
    mine = orders_of(accounts)
    found = mine.filter(client=client, cl_ord_id=cl_ord_id).first()
    return found or mine.get(requests__client=client, requests__cl_ord_id=cl_ord_id)


def request_of(accounts: Accounts, request_id: UUID) -> OrderRequest:
    """One request; raises OrderRequest.DoesNotExist also for one on an order of another account."""
    return OrderRequest.objects.get(pk=request_id, order__account__in=accounts)


def events_of(order_id: UUID) -> QuerySet[OrderEvent]:
    """What happened to an order, first to last."""
    return OrderEvent.objects.filter(order_id=order_id).order_by("version")


def positions_of(accounts: Accounts) -> QuerySet[Position]:
    """Positions of these accounts as the broker reports them."""
    return Position.objects.filter(account__in=accounts).order_by("account", "symbol", "id")


def account_values_of(accounts: Accounts) -> QuerySet[AccountValue]:
    """Account values of these accounts as the broker reports them."""
    return AccountValue.objects.filter(account__in=accounts).order_by("account", "key", "currency")


def sessions_of(accounts: Accounts) -> QuerySet[GatewaySession]:
    """Sessions that carry at least one of these accounts; `.accounts` holds just those."""
    visible = Prefetch("accounts", queryset=BrokerAccount.objects.filter(pk__in=accounts))
    carrying = BrokerAccount.objects.filter(session=OuterRef("pk"), pk__in=accounts)
    found = GatewaySession.objects.filter(Exists(carrying)).select_related("health")
    return found.prefetch_related(visible).order_by("name")


def tokens_of(accounts: Accounts) -> QuerySet[ApiToken]:
    """Tokens that open nothing but these accounts, the newest first."""
    opened = ApiToken.accounts.through.objects.filter(apitoken=OuterRef("pk"))
    beyond = opened.exclude(brokeraccount__in=accounts)
    shown = ApiToken.objects.filter(~Exists(beyond)).select_related("user", "successor")
    return shown.prefetch_related("accounts").order_by("-created", "token_key")


def breaks_of(accounts: Accounts, *, is_open: bool | None = None) -> QuerySet[Break]:
    """Breaks of these accounts, newest first, with their owner; open ones, closed ones or both."""
    found = Break.objects.filter(account__in=accounts).select_related("owner").order_by("-id")
    return found if is_open is None else found.filter(closed_at__isnull=is_open)


def webhooks_of(accounts: Accounts) -> QuerySet[Webhook]:
    """Webhooks that tell of nothing but these accounts, the newest first."""
    told = Webhook.accounts.through.objects.filter(webhook=OuterRef("pk"))
    shown = Webhook.objects.filter(~Exists(told.exclude(brokeraccount__in=accounts)))
    return shown.select_related("client").prefetch_related("accounts").order_by("-id")


class SnapshotXmin(Func):
    """The oldest transaction that still runs: below it every outcome is known and final."""

    template = "(pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
    output_field = BigIntegerField()


class Cursor(NamedTuple):
    """A place in the feed; as text "txid-id", the id of a server-sent event."""

    txid: int
    id: int

    def __str__(self) -> str:
        return f"{self.txid}-{self.id}"


def parse_cursor(text: str) -> Cursor | None:
    """The cursor that a text names; None when it names none."""
    txid, dash, number = text.partition("-")
    plain = dash and all(part.isascii() and part.isdigit() and len(part) < 20 for part in (txid, number))
    if not plain or max(int(txid), int(number)) > BIGGEST:
        return None
    return Cursor(int(txid), int(number))


def settled_events(txid: int, event_id: int) -> QuerySet[OrderEvent]:
    """Events after this place in commit order that no later commit can come before.

    A long transaction anywhere in the database cluster holds them back until it ends.
    """
    later = Q(txid__gt=txid) | Q(id__gt=event_id)
    return OrderEvent.objects.filter(later, txid__gte=txid, txid__lt=SnapshotXmin()).order_by("txid", "id")


class FeedEvent(NamedTuple):
    """A settled event, and of its order what readers are told."""

    txid: int
    id: int
    order_id: UUID
    version: int
    kind: str
    state: str
    at: datetime
    cl_ord_id: str
    account: str
    symbol: str

    @property
    def cursor(self) -> Cursor:
        """Its place in the feed."""
        return Cursor(self.txid, self.id)


def events_after(place: Cursor, limit: int) -> list[FeedEvent]:
    """The next settled events after a place; prepared, because every commit has them looked for."""
    return [FeedEvent(*row) for row in prepared.rows(_told_sql(limit), place)]


@cache
def _told_sql(limit: int) -> str:
    """The limit is a part of the text: by a parameter the planner would expect a tenth of all events."""
    return f"""
        SELECT e.txid, e.id, e.order_id, e.version, e.kind, e.to_state, e.at,
            o.cl_ord_id, COALESCE(o.account_id, '{GROUP_ORDERS}'), i.symbol
        FROM orders_orderevent e
        JOIN orders_order o ON o.id = e.order_id JOIN brokers_instrument i ON i.id = o.instrument_id
        WHERE (e.txid, e.id) > (%s, %s) AND e.txid < {SnapshotXmin.template}
        ORDER BY e.txid, e.id LIMIT {limit:d}
    """  # noqa: S608 - our own words and a number


def newest_settled_event() -> Cursor:
    """The place of the newest such event; (0, 0) when there is none."""
    newest = OrderEvent.objects.filter(txid__lt=SnapshotXmin()).order_by("-txid", "-id")
    return Cursor(*(newest.values_list("txid", "id").first() or (0, 0)))


def oldest_unsettled_at() -> datetime | None:
    """When the oldest event was recorded that no reader may see yet; None when there is none.

    One transaction left open anywhere in the server holds up the feed of all.
    """
    unsettled = OrderEvent.objects.filter(txid__gte=SnapshotXmin()).order_by("txid", "id")
    return unsettled.values_list("recorded_at", flat=True).first()


def changed_since(place: Cursor, accounts: Accounts) -> QuerySet[OrderEvent, UUID]:
    """The ids of these accounts' orders to which something happened after a place; one of them once."""
    events = settled_events(*place).filter(of_accounts(accounts, "order__account")).order_by()
    return events.values_list("order_id", flat=True).distinct()


def open_counts() -> dict[str, int]:
    """How many orders are in each state in which something is still expected."""
    moving = Order.objects.filter(state__in=[*ALIVE, State.FILLED]).order_by().values("state")
    return {str(row["state"]): row["count"] for row in moving.annotate(count=Count("id"))}


def instruments(
    q: str = "", sec_type: str = "", currency: str = "", cursor: int | None = None
) -> QuerySet[Instrument]:
    """Instruments whose symbol begins with, or whose name holds, the words; newest first."""
    rows = Instrument.objects.listed().order_by("-id")
    if q:
        rows = rows.filter(
            Q(symbol__istartswith=q) | Q(local_symbol__istartswith=q) | Q(long_name__icontains=q)
        )
    wanted = {"sec_type": sec_type, "currency": currency}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return rows if cursor is None else rows.filter(id__lt=cursor)


def instrument(pk: int) -> Instrument:
    """One instrument; raises Http404."""
    return get_object_or_404(Instrument, pk=pk)
