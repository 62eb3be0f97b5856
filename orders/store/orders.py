"""The statements that write orders: record new ones (one, or many at once), store what changed on many.

One of the few places with SQL by hand (docs/decisions/0020), because each of them is a hop that
every order passes. State is never set here: orders come with what the lifecycle did to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from django.db import connection

from brokers.postgres import prepared
from orders.models import CommandKind, Order, OrderEvent, OutboxCommand, State
from orders.models.controls.ruleset import NO_RULESET
from orders.models.references import repeats_lost_sql
from orders.notify import alerts, order_log

#: Columns of an order that may change after it was recorded, with their SQL types.
MUTABLE = {
    "account_id": "text",
    "state": "text",
    "order_qty": "numeric",
    "price": "numeric",
    "stop_px": "numeric",
    "time_in_force": "text",
    "cum_qty": "numeric",
    "avg_px": "numeric",
    "trade_date": "date",
    "day_cum_qty": "numeric",
    "day_avg_px": "numeric",
    "reason_code": "text",
    "reason_text": "text",
    "perm_id": "bigint",
    "broker_order_id": "bigint",
    "ack_deadline": "timestamptz",
    "unconfirmed_at": "timestamptz",
    "absent_rounds": "smallint",
    "absent_snapshot": "text",
    "held_for_desk": "boolean",
    "overfilled": "boolean",
    "commission_missing": "boolean",
    "standing": "text",
    "closed_as": "text",
    "version": "integer",
    "queued_at": "timestamptz",
    "sent_at": "timestamptz",
    "acknowledged_at": "timestamptz",
    "first_fill_at": "timestamptz",
    "last_fill_at": "timestamptz",
    "completed_at": "timestamptz",
    "updated_at": "timestamptz",
}
#: Columns of a new order that the database gives.
BY_DATABASE = ("recorded_at", "queued_at", "checked_at")
#: What the statement that records an order must know beside its columns.
RANK = {"priority": "smallint", "ahead": "integer", "most_ahead": "integer"}
#: Columns of an event that the writer gives; the rest are the database's defaults.
EVENT = {
    "order_id": "uuid",
    "version": "integer",
    "kind": "text",
    "from_state": "text",
    "to_state": "text",
    "cum_qty": "numeric",
    "avg_px": "numeric",
    "actor": "text",
    "text": "text",
    "data": "jsonb",
    "inbox_id": "bigint",
    "at": "timestamptz",
}


@dataclass(frozen=True)
class Recorded:
    """Which orders were recorded, and where the marks stand that moved for them."""

    ids: Collection[UUID] = ()
    marks: Mapping[str, int] = field(default_factory=dict)


def record_orders(
    orders: Sequence[Order],
    *,
    queued: bool = True,
    ruleset: UUID | None = None,
    marks: Mapping[str, int | None] | None = None,
) -> Recorded | None:
    """Record orders with their events and, if `queued`, a command for each alive.

    One that awaits an approval gets no command: nothing claims it before somebody lets it go.

    One statement, so that it is whole or absent without a transaction around it. None when this version
    of the ruleset is not in force any more: nothing was recorded then. `ruleset` None is for orders that
    were not ours to check. `marks` are those by which their use was read (`store.use`): they move, and None
    when one of them had; one that is None moves wherever it is. Left out are those whose cl_ord_id is taken,
    and repeats of an order that our books had lost (`entry.repeats`); of two with one id in the list the
    first is recorded. Left out, too, are those with more ahead of them at the broker than their `most_ahead`:
    their `ahead` is counted then.
    Rows go in by cl_ord_id: two lists that share ids, in another order each, would deadlock otherwise.
    """
    if not orders:
        return Recorded()
    events = [event for order in orders for event in order.pending_events]
    # Owners and versions, in the order in which everybody locks them.
    expected = [list(column) for column in zip(*sorted(marks.items()), strict=True)] if marks else []
    given = prepared.records(orders, (*given_columns(), *RANK))
    pending_events = prepared.records(events, EVENT)
    rows = prepared.rows(
        _record_sql(moves=bool(marks)),
        [*expected, ruleset, given, pending_events, queued, CommandKind.NEW, queued],
    )
    if not rows[0][0]:
        return None
    times = {row[1]: row[2:4] for row in rows if row[2]}
    waiting = {row[1]: row[4] for row in rows if row[4] is not None}
    moved = {row[5]: row[6] for row in rows if row[5]}
    order_log.write({order.id: order for order in orders}, (e for e in events if e.order_id in times))
    for order in orders:
        if order.id in times:
            order.pending_events.clear()
        order.recorded_at, order.queued_at = times.get(order.id, (None, None))
        order.ahead = waiting.get(order.id, order.ahead)
    return Recorded(times.keys(), moved)


def count_waiting(session: str, priority: int) -> int:
    """How many orders wait for this session that go before one of this priority."""
    waiting = OutboxCommand.objects.filter(session=session, kind=CommandKind.NEW, done_at=None)
    return waiting.filter(priority__lte=priority).count()


@cache
def given_columns() -> dict[str, str]:
    """The columns of a new order that we give, with their SQL types; the rest are the database's moments.

    Without their sizes: a cast would cut silently what an insert refuses.
    """
    fields = [field for field in Order._meta.concrete_fields if field.column not in BY_DATABASE]
    kinds = {str(field.column): str(field.db_type(connection)).split("(")[0] for field in fields}
    return {name: "text" if kind == "varchar" else kind for name, kind in kinds.items()}


#: Wait for who moves them now, and move them if none had been moved since they were read. One without a
#: version was not read and moves in any case; what nobody has read so far has no mark. Nor while a process of
#: the version before is recording, which has read and will move them (`store.use.WAIT_FOR_FORMER`).
MARKS = """
    expected AS (
        SELECT * FROM unnest(%s::text[], %s::bigint[]) AS e(owner, version)
    ), locked AS (
        SELECT m.owner, m.version FROM orders_usemark m WHERE m.owner IN (SELECT owner FROM expected)
        ORDER BY m.owner COLLATE "C" FOR UPDATE
    ), stands AS (
        SELECT count(*) = (SELECT count(version) FROM expected) AND (SELECT bool_and(version IS NULL
            OR pg_try_advisory_xact_lock_shared(7411, hashtext(owner))) FROM expected) AS stands
        FROM locked JOIN expected USING (owner, version)
    ), moved AS (
        UPDATE orders_usemark m SET version = m.version + 1 FROM locked, stands
        WHERE m.owner = locked.owner AND stands RETURNING m.owner, m.version
    ),
"""


#: Those of the given with more ahead of them, in this list and at the broker, than they would wait for.
LATE = """
    waiting AS (
        SELECT session_id, priority, count(*) FROM orders_outboxcommand
        WHERE done_at IS NULL AND kind = 'NEW' AND session_id IN (SELECT session_id FROM given)
        GROUP BY session_id, priority
    ), late AS (
        SELECT id, ahead FROM (
            SELECT id, most_ahead, ahead + COALESCE((
                SELECT sum(w.count) FROM waiting w
                WHERE w.session_id = given.session_id AND w.priority <= given.priority), 0) AS ahead
            FROM given WHERE most_ahead IS NOT NULL
        ) AS counted WHERE ahead > most_ahead
    ),
"""


@cache
def _record_sql(*, moves: bool) -> str:
    """Orders come as one document: each mixture of values and nulls would be another statement."""
    columns = ", ".join(given_columns())
    given = ", ".join(f"{name} {kind}" for name, kind in (given_columns() | RANK).items())
    return f"""
        WITH {MARKS if moves else ""} rules AS (
            SELECT COALESCE(%s = COALESCE((SELECT edition FROM orders_rulebook), '{NO_RULESET}'), true)
                {"AND (SELECT stands FROM stands)" if moves else ""} AS in_force
        ), given AS (
            SELECT * FROM ROWS FROM (json_to_recordset(%s::json) AS ({given}))
                WITH ORDINALITY AS g({columns}, {", ".join(RANK)}, place)
        ), {LATE}
        events AS (
            SELECT * FROM {prepared.json_to_recordset(EVENT, "e")}
        ), recorded AS (
            INSERT INTO orders_order ({columns}, recorded_at, queued_at, checked_at)
            SELECT {columns}, clock_timestamp(),
                CASE WHEN %s AND state = 'CREATED' AND approval_id IS NULL THEN clock_timestamp() END,
                clock_timestamp()
            FROM given, rules WHERE in_force AND NOT {repeats_lost_sql("given")}
              AND id NOT IN (SELECT id FROM late)
            ORDER BY cl_ord_id, place
            ON CONFLICT (client_id, cl_ord_id) DO NOTHING
            RETURNING id, session_id, state, approval_id, recorded_at, queued_at
        ), told AS (
            INSERT INTO orders_orderevent ({", ".join(EVENT)})
            SELECT events.* FROM events JOIN recorded ON recorded.id = events.order_id
            ORDER BY events.order_id, events.version
        ), queued AS (
            INSERT INTO orders_outboxcommand (session_id, order_id, kind, priority, attempts, error)
            SELECT r.session_id, r.id, %s, given.priority, 0, ''
            FROM recorded r JOIN given ON given.id = r.id WHERE %s AND r.state = 'CREATED'
              AND r.approval_id IS NULL ORDER BY r.id
        )
        SELECT in_force, id, recorded_at, queued_at, NULL::integer, NULL::text, NULL::bigint
        FROM rules LEFT JOIN recorded ON true
        UNION ALL SELECT true, id, NULL, NULL, ahead::integer, NULL, NULL FROM late, rules WHERE in_force
        {"UNION ALL SELECT true, NULL, NULL, NULL, NULL, owner, version FROM moved" if moves else ""}
    """  # noqa: S608 - column names come from the model, values are parameters


def store_orders(orders: Iterable[Order], **more: tuple[str, str]) -> None:
    """Write every order that changed, the events noted, and more; the caller holds the row locks.

    `more` are further writes by name: a statement with one %s, and what that is. All travel as one statement.
    """
    changed = [order for order in orders if order.pending_events or order.touched]
    events = [event for order in changed for event in order.pending_events]
    writes = dict(more)
    if changed:
        writes["changed"] = _update_sql(), prepared.records(changed, ("id", *MUTABLE))
    if events:
        writes["noted"] = _note_sql(), prepared.records(events, EVENT)
    if writes:
        prepared.rows(
            _all_of(*((name, sql) for name, (sql, _) in writes.items())), [x for _, x in writes.values()]
        )
    if changed:
        _drop_overtaken_commands(changed, events)
        alerts.follow_holds(changed, events)
        order_log.write({order.id: order for order in changed}, events)
    for order in changed:
        order.pending_events.clear()
        order.touched = False


@cache
def _all_of(*writes: tuple[str, str]) -> str:
    """One statement that does all of these."""
    return f"WITH {', '.join(f'{name} AS ({sql})' for name, sql in writes)} SELECT"


@cache
def _update_sql() -> str:
    assignments = ", ".join(f"{name} = u.{name}" for name in MUTABLE)
    changed = prepared.json_to_recordset({"id": "uuid", **MUTABLE}, "u")
    return f"UPDATE orders_order o SET {assignments} FROM {changed} WHERE o.id = u.id"  # noqa: S608


@cache
def _note_sql() -> str:
    pending_events = prepared.json_to_recordset(EVENT, "e")
    return f"INSERT INTO orders_orderevent ({', '.join(EVENT)}) SELECT * FROM {pending_events}"  # noqa: S608


def _drop_overtaken_commands(orders: Sequence[Order], events: Sequence[OrderEvent]) -> None:
    """An order that left CREATED without a claim must not be claimed any more."""
    left = {event.order_id for event in events if event.from_state == State.CREATED != event.to_state}
    left -= {order.id for order in orders if order.state == State.CREATED}
    if left:
        waiting = OutboxCommand.objects.filter(order_id__in=left, kind=CommandKind.NEW, done_at=None)
        waiting.update(done_at=orders[0].updated_at, error="overtaken: the order moved on")
