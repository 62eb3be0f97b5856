"""Recording many new orders in one statement: the record step of `book.insert`, for a list."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from brokers import prepared
from orders.models import CommandKind, Order, State
from orders.models.rulebook import NO_EDITION
from orders.services import order_log
from orders.services.book import EVENT, given_columns


def insert_all(orders: Sequence[Order], command: CommandKind, edition: UUID) -> set[UUID] | None:
    """Record orders with their events, and a command for each that is alive; the ids of those recorded.

    None when this edition of the rulebook is not in force any more: nothing was recorded then.
    Left out are those whose cl_ord_id is taken; of two with one id in the list the first is recorded.
    Rows go in by cl_ord_id: two lists that share ids, in another order each, would deadlock otherwise.
    """
    if not orders:
        return set()
    events = [event for order in orders for event in order.noted]
    given = prepared.records(orders, given_columns())
    told = prepared.records(events, EVENT)
    rows = prepared.rows(_sql(), [edition, given, told, command, State.CREATED])
    if not rows[0][0]:
        return None
    times = {row[1]: row[2:] for row in rows if row[1]}
    order_log.tell({order.id: order for order in orders}, (e for e in events if e.order_id in times))
    for order in orders:
        order.noted.clear()
        order.recorded_at, order.queued_at = times.get(order.id, (None, None))
    return set(times)


@cache
def _sql() -> str:
    columns = ", ".join(given_columns())
    given = ", ".join(f"{name} {kind}" for name, kind in given_columns().items())
    return f"""
        WITH rules AS (
            SELECT %s = COALESCE((SELECT edition FROM orders_rulebook), '{NO_EDITION}') AS in_force
        ), given AS (
            SELECT * FROM ROWS FROM (json_to_recordset(%s::json) AS ({given}))
                WITH ORDINALITY AS g({columns}, place)
        ), told AS (
            SELECT * FROM {prepared.recordset(EVENT, "t")}
        ), recorded AS (
            INSERT INTO orders_order ({columns}, recorded_at, queued_at)
            SELECT {columns}, clock_timestamp(),
                CASE WHEN state = 'CREATED' THEN clock_timestamp() END
            FROM given, rules WHERE in_force ORDER BY cl_ord_id, place
            ON CONFLICT (client_id, cl_ord_id) DO NOTHING
            RETURNING id, session_id, state, recorded_at, queued_at
        ), noted AS (
            INSERT INTO orders_orderevent ({", ".join(EVENT)})
            SELECT told.* FROM told JOIN recorded ON recorded.id = told.order_id
            ORDER BY told.order_id, told.version
        ), queued AS (
            INSERT INTO orders_outboxcommand (session_id, order_id, kind, attempts, error)
            SELECT session_id, id, %s, 0, '' FROM recorded WHERE state = %s ORDER BY id
        )
        SELECT in_force, id, recorded_at, queued_at FROM rules LEFT JOIN recorded ON true
    """  # noqa: S608 - column names come from the model, values are parameters
