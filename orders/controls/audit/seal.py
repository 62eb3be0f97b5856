"""Sealing: the hash of every committed row joins the chain, some seconds after its commit and without a lock.

Ids are given out before commit, so they say nothing of order. Transaction ids do: what is below the oldest
one that still runs will never change any more, and nothing can join it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from orders.booking.working_set import execution_id
from orders.controls.audit.tables import EVENTS, EXECUTIONS, INBOX, ORDERS, RECORDS, REQUESTS, SEALED, Sealed
from orders.models import AuditRecord, AuditSeal, EventKind

FORMAT = 1
NO_HEAD = "0" * 64
#: Rows of events and of records in one seal, at most (those of one transaction stay together).
MAX_ROWS = 2_000
#: One sealer at a time; nobody on the way of an order takes it.
LOCK = 7_412
#: Events that change nothing of what is sealed of an order of ours.
_PLAIN = frozenset(
    {
        *(EventKind.CLAIMED, EventKind.HANDED_OVER, EventKind.PUT_BACK, EventKind.IN_DOUBT, EventKind.ABSENT),
        *(EventKind.ACKNOWLEDGED, EventKind.WORKING, EventKind.STANDING, EventKind.EXECUTION),
        *(EventKind.COMMISSION, EventKind.COMMISSION_MISSING, EventKind.PARTIALLY_FILLED, EventKind.FILLED),
        *(EventKind.COMPLETED, EventKind.REPLACE_REQUESTED, EventKind.REPLACE_SENT),
        *(EventKind.CANCEL_REQUESTED, EventKind.CANCEL_SENT, EventKind.CANCEL_ACCEPTED),
    }
)
_OF_EXECUTIONS = frozenset({EventKind.EXECUTION, EventKind.COMMISSION, EventKind.RESCALED})


@dataclass(frozen=True, kw_only=True)
class Span:
    """Transactions [start, end); in a cluster that a dump was restored into, only rows after these ids."""

    start: int
    end: int
    after: dict[str, int] = field(default_factory=dict)


Hashes = list[tuple[str, bytes]]


def seal() -> int:
    """Seal all that is committed; how many rows. 0 while another sealer is at work."""
    total = 0
    while sealed := _seal_some():
        total += sealed
    return total


def unsealed_for() -> float:
    """Seconds for which the oldest row that is not sealed has waited."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH last AS (
                SELECT COALESCE((SELECT to_txid FROM orders_auditseal ORDER BY seq DESC LIMIT 1), 0) AS txid)
            SELECT COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - least(
                (SELECT recorded_at FROM orders_orderevent e, last WHERE e.txid >= last.txid
                    ORDER BY e.txid, e.id LIMIT 1),
                (SELECT at FROM orders_auditrecord r, last WHERE r.txid >= last.txid
                    ORDER BY r.txid, r.id LIMIT 1))), 0)"""
        )
        return max(0.0, float(cursor.fetchone()[0]))


@transaction.atomic
def _seal_some() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        horizon = int(cursor.fetchone()[0])
    last = AuditSeal.objects.order_by("-seq").first()
    if last and horizon < last.to_txid:
        return _begin_again(last)
    after = json.loads(last.content)["after"] if last else {}
    span = _bounded(Span(start=last.to_txid if last else 0, end=horizon, after=after))
    rows = sealed_rows(span)
    return _append(last, span, rows) if any(rows.values()) else 0


def _begin_again(last: AuditSeal) -> int:
    """Transactions count from the beginning in a new cluster: what was restored is told apart by its ids."""
    reason = f"transaction ids are below {last.to_txid}: the database was restored into a new cluster"
    AuditRecord.objects.create(kind="audit.restored", subject=f"orders_auditseal:{last.seq}", reason=reason)
    after = {each.table: _newest(each) for each in (EVENTS, RECORDS)}
    after[RECORDS.table] -= 1  # the record of just now is the first that is sealed
    return _append(last, Span(start=0, end=1, after=after), {})


def _newest(sealed: Sealed) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(max(id), 0) FROM {sealed.table}")  # noqa: S608 - our table
        return int(cursor.fetchone()[0])


def _bounded(span: Span) -> Span:
    """As much of a span as one seal takes."""
    ends = [span.end]
    for each in (EVENTS, RECORDS):
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT txid FROM {each.table} WHERE txid >= %s AND txid < %s AND id > %s"  # noqa: S608
                " ORDER BY txid, id OFFSET %s LIMIT 1",
                [span.start, span.end, span.after.get(each.table, 0), MAX_ROWS],
            )
            ends += [max(int(txid), span.start + 1) for (txid,) in cursor.fetchall()]
    return Span(start=span.start, end=min(ends), after=span.after)


def sealed_rows(span: Span) -> dict[str, Hashes]:
    """The rows that a seal of this span covers, by table: key and hash, in the order of sealing."""
    records = hashes(RECORDS, *within_span(RECORDS, span))
    events = hashes(EVENTS, *within_span(EVENTS, span))
    if not records and not events:
        return {}
    touched = touched_by(span)
    changing = (INBOX, ORDERS, EXECUTIONS, REQUESTS)
    changed = {each.table: hashes(each, *touched.rows(each)) for each in changing}
    return {RECORDS.table: records, EVENTS.table: events, **changed}


def within_span(sealed: Sealed, span: Span) -> tuple[str, list[Any]]:
    """The condition, and its parameters, for rows of a span."""
    condition = "txid >= %s AND txid < %s AND id > %s"
    return condition, [span.start, span.end, span.after.get(sealed.table, 0)]


@dataclass
class Touched:
    """What the events and records of a span speak of."""

    inbox: set[int] = field(default_factory=set)
    orders: set[UUID] = field(default_factory=set)
    requests: set[UUID] = field(default_factory=set)
    executed: set[UUID] = field(default_factory=set)
    all_executions: set[UUID] = field(default_factory=set)
    exec_ids: set[str] = field(default_factory=set)

    def rows(self, sealed: Sealed) -> tuple[str, list[Any]]:
        """The condition, and its parameters, for the rows of a table that a seal has anew."""
        if sealed is INBOX:
            return "id = ANY(%s)", [sorted(self.inbox)]
        if sealed is ORDERS:
            return "id = ANY(%s)", [sorted(self.orders)]
        if sealed is REQUESTS:
            return "order_id = ANY(%s)", [sorted(self.requests)]
        return (
            "(order_id = ANY(%s) OR (order_id = ANY(%s) AND (exec_id = ANY(%s) OR exec_root = ANY(%s))))",
            [sorted(self.all_executions), sorted(self.executed), *self._names()],
        )

    def _names(self) -> tuple[list[str], list[str]]:
        """Ids of executions as their column has them, and the roots that their versions share."""
        roots = {said.rpartition(".")[0] for said in self.exec_ids} - {""}
        return [execution_id(said) for said in self.exec_ids], [execution_id(root) for root in roots]


def touched_by(span: Span) -> Touched:
    """Which rows may have changed with the events and records of a span: a seal of it has these anew."""
    touched = Touched()
    condition, parameters = within_span(EVENTS, span)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT e.order_id, e.kind, e.inbox_id, o.source = 'EXTERNAL', CASE
                    WHEN e.kind IN ('EXECUTION', 'COMMISSION', 'BROKER_NOTICE') THEN e.data->>'exec_id' END
                FROM (SELECT * FROM {EVENTS.table} WHERE {condition}) e
                JOIN orders_order o ON o.id = e.order_id""",  # noqa: S608 - our table
            parameters,
        )
        for order, kind, inbox, external, exec_id in cursor.fetchall():
            touched.inbox |= {inbox} - {None}
            if external or kind not in _PLAIN:
                touched.orders.add(order)
            if kind.startswith(("CANCEL_", "REPLACE_")) or kind == EventKind.RESCALED:
                touched.requests.add(order)
            if exec_id:
                touched.executed.add(order)
                touched.exec_ids.add(exec_id)
            elif kind in _OF_EXECUTIONS:
                touched.all_executions.add(order)
        condition, parameters = within_span(RECORDS, span)
        changed = f"SELECT order_id FROM {RECORDS.table} WHERE {condition} AND kind = 'orders_order.update'"  # noqa: S608
        cursor.execute(changed, parameters)
        touched.orders |= {order for (order,) in cursor.fetchall()}
    return touched


def hashes(
    sealed: Sealed,
    condition: str,
    parameters: Sequence[Any],
    columns: Iterable[str] = (),
    *,
    source: str = "",
) -> Hashes:
    """Key and sha256 of each row: of its columns as a JSON array, in the text of PostgreSQL's jsonb.

    Numbers keep their scale in it, times are ISO 8601 in UTC (the connection's zone), keys are sorted.
    `source` gives rows of the table's type in its place.
    """
    names = ", ".join(f"t.{name}" for name in columns or sealed.columns)
    order = "txid, id" if sealed in (EVENTS, RECORDS) else "id"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id::text, sha256(convert_to(jsonb_build_array({names})::text, 'UTF8'))"  # noqa: S608
            f" FROM {source or sealed.table} t WHERE {condition} ORDER BY {order}",
            parameters,
        )
        return [(key, bytes(digest)) for key, digest in cursor.fetchall()]


def _append(last: AuditSeal | None, span: Span, rows: dict[str, Hashes]) -> int:
    """The next link."""
    content = {
        "format": FORMAT,
        "from": span.start,
        "to": span.end,
        "after": span.after,
        "rows": {
            table: {
                "columns": SEALED[table].columns,
                "keys": [key for key, _ in found],
                "hashes": base64.b64encode(b"".join(digest for _, digest in found)).decode(),
            }
            for table, found in rows.items()
            if found
        },
    }
    text = json.dumps(content, separators=(",", ":"))
    previous = last.head if last else NO_HEAD
    count = sum(map(len, rows.values()))
    AuditSeal.objects.create(
        seq=last.seq + 1 if last else 1,
        from_txid=span.start,
        to_txid=span.end,
        rows=count,
        content=text,
        previous=previous,
        head=head_of(previous, text),
    )
    return count


def anchor() -> dict[str, Any] | None:
    """The head of the chain, to be kept where its owner cannot write; None while there is none."""
    last = AuditSeal.objects.order_by("-seq").first()
    return {"seq": last.seq, "head": last.head, "at": last.at.isoformat()} if last else None


def head_of(previous: str, content: str) -> str:
    """The head of a seal: sha256 over the head before it and the digest of what it holds."""
    return hashlib.sha256(bytes.fromhex(previous) + hashlib.sha256(content.encode()).digest()).hexdigest()
