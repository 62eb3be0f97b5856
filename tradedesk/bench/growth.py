"""What a long history costs: the same latency and the same lists with more and more orders stored."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpx

from tradedesk.bench.figures import Document, spread
from tradedesk.bench.ground import Ground, Say
from tradedesk.bench.latency import at_a_rate, measured

CHUNK = 100_000  # rows in one statement
READS = 30  # of each list
SPAN_DAYS = 365
LISTS = {
    "newest": "/orders?limit=50",
    "open_only": "/orders?limit=50&open=true",
    "by_state": "/orders?limit=50&state=COMPLETED",
    "by_state_rare": "/orders?limit=50&state=REJECTED",
    "by_symbol": "/orders?limit=50&symbol=MSFT",
    "by_cl_ord_id": "/orders?limit=50&cl_ord_id=grown-1",
    "one_by_cl_ord_id": "/orders/by-cl-ord-id/grown-1",
    "executions": "/executions?limit=50",
    "positions": "/positions",
}
#: Triggers and foreign keys are left out: the rows are right by construction, and there are millions.
FAST = "SET session_replication_role = replica"
ROWS = """
    WITH made AS (
        SELECT n, uuidv7(ago) AS id, now() + ago AS at
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
            make_interval(secs => (n::float8 / %(all)s - 1) * 86400.0 * %(days)s) AS ago
    ), ordered AS (
        INSERT INTO orders_order SELECT grown.*
        FROM made JOIN orders_order o ON o.id = %(like)s,
        jsonb_populate_record(o, jsonb_build_object(
            'id', made.id, 'cl_ord_id', 'grown-' || n, 'order_ref', 'GROWN' || n, 'perm_id', 1000000000 + n,
            'broker_order_id', NULL, 'received_at', at, 'recorded_at', at, 'queued_at', at, 'claimed_at', at,
            'sent_at', at, 'acknowledged_at', at, 'first_fill_at', at, 'last_fill_at', at, 'completed_at', at,
            'updated_at', at, 'fresh_until', at,
            'instrument_id', (%(instruments)s::bigint[])[1 + n %% array_length(%(instruments)s::bigint[], 1)]
        )) AS grown
    ), noted AS (
        INSERT INTO orders_orderevent
            (order_id, version, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at)
        SELECT made.id, 1, 'COMPLETED', 'FILLED', 'COMPLETED', 1, 100, 'grown', '', '{}', at FROM made
    )
    INSERT INTO orders_execution SELECT grown.*
    FROM made JOIN orders_execution e ON e.order_id = %(like)s,
    jsonb_populate_record(e, jsonb_build_object(
        'id', nextval(pg_get_serial_sequence('orders_execution', 'id')), 'order_id', made.id,
        'exec_id', 'grown.' || n || '.01', 'exec_root', 'grown.' || n, 'transact_time', at, 'received_at', at
    )) AS grown
"""


def growth(ground: Ground, *, orders: int, levels: Sequence[int], say: Say) -> Document:
    """Latency at 20 a second and every list, at each number of stored orders; and the change of p50."""
    found, stored = {}, 0
    for level in sorted(levels):
        say(f"Storing {level:,} orders ...")
        begin = time.time()
        grow(ground, stored, level)
        stored = max(stored, level)
        seconds = round(time.time() - begin, 1)
        say("Measuring ...")
        found[str(level)] = {
            "storing_seconds": seconds,
            **sizes(ground),
            "at_20_per_second": measured(ground, orders, at_a_rate),
            "lists_ms": {name: read_again(ground, path) for name, path in LISTS.items()},
        }
    return {"stored": found, "p50_change_percent": changes(list(found.values()))}


def grow(ground: Ground, stored: int, wanted: int) -> None:
    """Store completed orders with an event and an execution each, like one that was really executed."""
    with ground.system.postgres.connect() as connection:
        (like,) = connection.execute(
            "SELECT order_id FROM orders_execution ORDER BY id LIMIT 1"
        ).fetchone() or (None,)
        instruments = [row[0] for row in connection.execute("SELECT id FROM brokers_instrument ORDER BY id")]
        facts = {"like": like, "instruments": instruments, "days": SPAN_DAYS, "all": max(wanted, 1)}
        connection.execute(FAST)
        for first in range(stored + 1, wanted + 1, CHUNK):
            connection.execute(ROWS, {**facts, "first": first, "last": min(first + CHUNK - 1, wanted)})
        connection.execute("VACUUM (ANALYZE) orders_order, orders_orderevent, orders_execution")


def sizes(ground: Ground) -> Document:
    """How much is stored."""
    (orders,) = ground.system.rows("SELECT count(*) FROM orders_order")[0]
    (gigabytes,) = ground.system.rows("SELECT pg_database_size(current_database()) / 2.0 ^ 30")[0]
    return {"orders_stored": orders, "database_gb": round(float(gigabytes), 2)}


def read_again(ground: Ground, path: str) -> Document:
    """The times of several reads of one list."""
    with ground.connection() as connection:
        answers = [connection.ask("GET", path) for _ in range(READS)]
    wrong = [answer for answer in answers if answer.status not in (httpx.codes.OK, httpx.codes.NOT_FOUND)]
    if wrong:
        raise AssertionError(f"{path} answered {wrong[0].status}: {wrong[0].document}")
    return spread(answer.seconds for answer in answers)


def changes(levels: Sequence[Document]) -> Document:
    """By how much each median is above the one with the fewest orders, in percent."""
    first, last = levels[0], levels[-1]
    names = ("post_to_answer_ms", "post_to_wire_ms", "fill_to_visible_by_api_ms")
    latencies = {
        name: percent(*(level["at_20_per_second"][name] for level in (first, last))) for name in names
    }
    lists = {name: percent(first["lists_ms"][name], last["lists_ms"][name]) for name in LISTS}
    return {**latencies, **lists}


def percent(before: Document, after: Document) -> float:
    """The change of the median."""
    return round((float(after["p50"]) / float(before["p50"]) - 1) * 100, 1)
