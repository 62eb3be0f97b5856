"""The orders of a batch, locked, with all that applying broker events needs: found once, written once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from uuid import UUID

import msgspec
from django.db import connection

from brokers.messages import (
    BrokerEvent,
    CommissionReport,
    ExecutionsMissing,
    HandedOver,
    OrderAbsent,
)
from brokers.models import BrokerAccount
from brokers.postgres import clock, prepared, storable
from orders.booking.matching import Report, match
from orders.models import (
    OPEN_REQUESTS,
    Execution,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
)
from orders.models.order import TradedContract
from orders.models.references import order_id_of
from orders.models.requests import OUTRUN
from orders.store import advisors
from orders.store.orders import store_orders

#: What may change of a stored execution.
CHANGING = {
    "superseded": "boolean",
    "scale": "numeric",
    "commission": "numeric",
    "commission_currency": "text",
    "commission_at": "timestamptz",
    "realized_pnl": "numeric",
}
Item = BrokerEvent | HandedOver
NO_ORDER = UUID(int=0)
EXEC_ID_LENGTH = 64
LONGEST_VERSION = 8


#: An execution is unique in its account; asking for each account walks that index, however many there are.
EXECUTIONS_NAMED = """
    SELECT {what} FROM unnest(%(exec_ids)s::text[]) AS named(exec_id) CROSS JOIN brokers_brokeraccount a
    JOIN orders_execution e ON e.account_id = a.code AND e.exec_id = named.exec_id
    JOIN orders_order x ON x.id = e.order_id
"""
#: Orders by any of their identities. Arrays, so that each way is a look into its own index.
WANTED = f"""
    (o.id = ANY(%(ids)s::uuid[] || ARRAY({EXECUTIONS_NAMED.format(what="e.order_id")}
                                         WHERE x.session_id = %(session)s))
     OR o.order_ref = ANY(%(order_refs)s::text[]) OR o.perm_id = ANY(%(perm_ids)s::bigint[])
     OR o.session_id = %(session)s AND o.broker_order_id = ANY(%(broker_order_ids)s::bigint[])
        AND o.broker_client_id = ANY(%(client_ids)s::bigint[]))
"""


@dataclass(frozen=True, kw_only=True)
class OrderKeys:
    """Every identity by which orders are looked for."""

    ids: list[UUID] = field(default_factory=list)
    order_refs: list[str] = field(default_factory=list)
    perm_ids: list[int] = field(default_factory=list)
    broker_order_ids: list[int] = field(default_factory=list)
    client_ids: list[int] = field(default_factory=list)
    #: Of executions that were booked before.
    exec_ids: list[str] = field(default_factory=list)


class WorkingSet:
    """Locked orders of one session, found by every identity that the batch names.

    `first` are statements to run before the locks are taken, in the same round trip; `answer` has their rows.
    """

    def __init__(self, session: str, items: Sequence[Item], *first: prepared.Statement) -> None:
        self.session = session
        self._executions: dict[UUID, list[Execution]] = defaultdict(list)
        self._changed: list[Execution] = []
        self._requests: dict[UUID, list[OrderRequest]] = defaultdict(list)
        self._changed_requests: list[OrderRequest] = []
        self.orders: dict[UUID, Order] = {}
        self._by_perm: dict[int, list[Order]] = defaultdict(list)
        self._by_broker_id: dict[tuple[int, int], list[Order]] = defaultdict(list)
        self._named: dict[str, list[Execution]] = defaultdict(list)
        self._versions: dict[str, list[Execution]] = defaultdict(list)
        self._accounts: set[str] = set()
        self.answer = self._load(_keys_of(items), *first)

    # --- finding ---------------------------------------------------------------------------------
    def find(self, report: Report, at: datetime | None = None) -> Order | None:
        """The order that a report (received `at`, now by default) is about: see `booking.matching`."""
        said = report.identity
        own = self.orders.get(order_id_of(said.order_ref) or NO_ORDER) if said.order_ref else None
        candidates = [
            *([own] if own else []),
            *self._by_perm.get(said.perm_id, ()),
            *self._by_broker_id.get((said.client_id, said.broker_order_id), ()),
        ]
        return match(candidates, report, at or clock.now()) if candidates else None

    def executions_named(self, exec_id: str) -> list[Execution]:
        """The executions of this id: one, or one for each account of an advisor's order."""
        return self._named.get(exec_id, [])

    def versions(self, root: str) -> list[Execution]:
        """The executions of this root on all orders of the batch; none for ids without a version."""
        return self._versions.get(root, []) if root else []

    def fetch_executed(self, exec_ids: list[str]) -> None:
        """Lock the orders that have these executions as well."""
        self._load(OrderKeys(exec_ids=exec_ids))

    def is_elsewhere(self, exec_id: str) -> bool:
        """Whether the execution was booked on an order of another session."""
        found = prepared.rows(EXECUTIONS_NAMED.format(what="x.session_id"), {"exec_ids": [exec_id]})
        return any(session != self.session for (session,) in found)

    def executions(self, order: Order) -> list[Execution]:
        """All versions of all executions of the order, in the order received."""
        return self._executions[order.id]

    def requests(self, order: Order) -> list[OrderRequest]:
        """Of the order, as asked: open requests, accepted replaces, and those that its end outran."""
        return self._requests[order.id]

    # --- changing --------------------------------------------------------------------------------
    def add_order(self, order: Order) -> None:
        """Take in an order that was just recorded, or read."""
        if order.is_allocated:
            order.sharers = self._sharers
        self.orders[order.id] = order
        self.learn(order)

    def account(self, code: str) -> str:
        """The code of an account that the broker names; one that nobody knew yet is stored."""
        code = storable.key(code, 32)
        if code not in self._accounts:
            BrokerAccount.objects.get_or_create(code=code, defaults={"session_id": self.session})
            self._accounts.add(code)
        return code

    def fetch(self, order_ref: str) -> Order | None:
        """Lock one more order, by its reference; None when it is not stored."""
        self._load(OrderKeys(order_refs=[order_ref]))
        return next((order for order in self.orders.values() if order.order_ref == order_ref), None)

    def lock(self, keys: OrderKeys, order_id: UUID) -> Order:
        """Lock one more order, by its id."""
        self._load(keys)
        return self.orders[order_id]

    def learn(self, order: Order) -> None:
        """Remember the identities of an order, so that later items of the batch find it by them."""
        if order.account_id:
            self._accounts.add(order.account_id)  # an order refers to it, so it is stored
        if order.perm_id and order not in (same := self._by_perm[order.perm_id]):
            same.append(order)
        if order.broker_order_id is not None and order.broker_client_id is not None:
            same = self._by_broker_id[(order.broker_client_id, order.broker_order_id)]
            if order not in same:
                same.append(order)

    def add_execution(self, order: Order, execution: Execution) -> None:
        """Book an execution on its order."""
        self._take_in(execution)
        self._changed.append(execution)

    def touch_execution(self, execution: Execution) -> None:
        """An execution that was stored before has changed."""
        if execution not in self._changed:
            self._changed.append(execution)

    def touch_request(self, request: OrderRequest) -> None:
        """A request has changed."""
        if request not in self._changed_requests:
            self._changed_requests.append(request)

    def store(self) -> None:
        """Write everything that changed; the caller's transaction holds the locks."""
        new = [row for row in self._changed if row.pk is None]
        old = [row for row in self._changed if row.pk is not None]
        executions = {}
        if new:
            executions["booked"] = _book_sql(), prepared.records(new, _given())
        if old:
            executions["restated"] = _change_sql(), prepared.records(old, ("id", *CHANGING))
        store_orders(self.orders.values(), **executions)
        for request in self._changed_requests:
            _store_request(request)

    @cached_property
    def _sharers(self) -> frozenset[str]:
        login = advisors.login_of(self.session)
        return frozenset(login.accounts) if login else frozenset()

    # --- locking ---------------------------------------------------------------------------------
    def _load(self, keys: OrderKeys, *first: prepared.Statement) -> list[prepared.Row]:
        """Lock, then read what belongs to the locked ones: what others did to them meanwhile is seen.

        Most often all are named by their ids: then their requests are read in the same round trip.
        """
        known = {"session": self.session, "known": [*self.orders]}
        if not any(vars(keys).values()):
            return [row for rows in prepared.pipeline(*first) for row in rows]
        lock = _lock_sql(), {**vars(keys), **known}
        *answers, rows, requests = prepared.pipeline(*first, lock, _requests_of(keys.ids))
        width = prepared.column_count(Order)
        locked = [prepared.from_row(Order, row[:width]) for row in rows]
        for order, row in zip(locked, rows, strict=True):
            sec_type, con_id, symbol, legs = row[width:]
            traded = TradedContract(sec_type, con_id, symbol, msgspec.json.decode(legs))
            order.__dict__["traded"] = traded  # saves a query
            self.add_order(order)
        if others := {order.id for order in locked}.difference(keys.ids):
            requests += prepared.rows(*_requests_of(list(others)))
        for request in (prepared.from_row(OrderRequest, row) for row in requests):
            self._requests[request.order_id].append(request)
        if executed := [order.id for order in locked if order.first_fill_at]:
            for row in prepared.rows(_executions_sql(), [executed]):
                self._take_in(prepared.from_row(Execution, row))
        return [row for rows in answers for row in rows]

    def _take_in(self, execution: Execution) -> None:
        self._executions[execution.order_id].append(execution)
        self._named[execution.exec_id].append(execution)
        self._versions[execution.exec_root].append(execution)


def _requests_of(order_ids: list[UUID]) -> prepared.Statement:
    return _requests_sql(), [order_ids, list(OPEN_REQUESTS)]


def _keys_of(items: Sequence[Item]) -> OrderKeys:
    """What a batch names; numbers that no column holds name nothing."""
    identities = [item.identity for item in items if hasattr(item, "identity")]
    numbered = [i for i in identities if i.has_order_id]
    named = (i.order_id for i in items if isinstance(i, HandedOver | OrderAbsent | ExecutionsMissing))
    own = (order_id_of(identity.order_ref) for identity in identities)
    return OrderKeys(
        ids=list({*map(UUID, named), *filter(None, own)}),
        perm_ids=list({i.perm_id for i in identities if storable.whole(i.perm_id)}),
        broker_order_ids=list({i.broker_order_id for i in numbered}),
        client_ids=list({storable.whole(i.client_id, storable.INT) for i in numbered}),
        exec_ids=[execution_id(item.exec_id) for item in items if isinstance(item, CommissionReport)],
    )


def execution_id(said: str) -> str:
    """The id of an execution, or its root, as its column holds it: a version at its end stays readable."""
    _, dot, version = said.rpartition(".")
    ending = dot + version if len(version) <= LONGEST_VERSION else ""
    return storable.key(said.removesuffix(ending), EXEC_ID_LENGTH - len(ending)) + ending


def _store_request(request: OrderRequest) -> None:
    """Write a request; the command of one that is answered, when the answer outran it, must not wait."""
    request.save()
    if not request.is_open:
        waiting = OutboxCommand.objects.filter(request=request, done_at=None)
        waiting.update(done_at=request.answered_at, error="answered before it was sent")


@cache
def _lock_sql() -> str:
    """Locked in id order like everywhere."""
    return f"""
        SELECT {prepared.columns(Order, "o")}, i.sec_type, i.con_id, i.symbol, i.legs
        FROM orders_order o JOIN brokers_instrument i ON i.id = o.instrument_id
        WHERE {WANTED} AND NOT o.id = ANY(%(known)s::uuid[])
        ORDER BY o.id FOR UPDATE OF o
    """  # noqa: S608 - columns of our own models


@cache
def _executions_sql() -> str:
    columns = prepared.columns(Execution, "e")
    return f"SELECT {columns} FROM orders_execution e WHERE e.order_id = ANY(%s) ORDER BY e.id"  # noqa: S608


@cache
def _requests_sql() -> str:
    """Open requests, accepted replaces, and those that the order's end outran."""
    return f"""
        SELECT {prepared.columns(OrderRequest, "r")} FROM orders_orderrequest r
        WHERE r.order_id = ANY(%s) AND (r.state = ANY(%s)
            OR r.kind = '{RequestKind.REPLACE}' AND (r.state = '{RequestState.ACCEPTED}'
                OR r.reason_code = '{OUTRUN}'))
        ORDER BY r.id
    """  # noqa: S608 - columns and words of our own models


@cache
def _given() -> dict[str, str]:
    """The columns of a new execution with their SQL types: all but its number."""
    fields = [field for field in Execution._meta.concrete_fields if not field.primary_key]
    return {str(field.column): str(field.db_type(connection)) for field in fields}


@cache
def _book_sql() -> str:
    names = ", ".join(_given())
    given = prepared.json_to_recordset(_given(), "e")
    return f"INSERT INTO orders_execution ({names}) SELECT {names} FROM {given}"  # noqa: S608


@cache
def _change_sql() -> str:
    assignments = ", ".join(f"{name} = u.{name}" for name in CHANGING)
    changed = prepared.json_to_recordset({"id": "bigint", **CHANGING}, "u")
    return f"UPDATE orders_execution e SET {assignments} FROM {changed} WHERE e.id = u.id"  # noqa: S608
