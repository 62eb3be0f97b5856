"""A long history, made by the database itself: millions of orders that are over, with events and executions.

They are copies of one order that was really executed, spread over accounts, instruments, sides, states and a
year, and as uneven as real ones: see `STATE`, `SIDE` and `INSTRUMENT`. Lists have to be quick where nothing
fits, not only where the next row does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db.models import Model

from orders.models import Execution, Order
from tradedesk.bench.ground import Ground
from tradedesk.bench.history.storing import Hands, indexes_at_the_end, roomy, vacuum

CHUNK = 250_000  # rows in one statement
ROUND = 4 * CHUNK  # rows after which the tables are tidied, while all of it is still in memory
SPAN_DAYS = 365
#: One order in a hundred was refused, of the last but one instrument none; six of a hundred were canceled.
STATE = """
    CASE WHEN luck < 20 THEN 'FAILED' WHEN luck < 120 AND NOT unrefused THEN 'REJECTED'
         WHEN luck < 720 THEN 'CANCELED' WHEN luck < 820 THEN 'EXPIRED' ELSE 'COMPLETED' END
"""
#: The last account only buys; elsewhere one order in ten thousand is a short sale.
SIDE = """
    CASE WHEN account = (%(accounts)s::text[])[%(only_buys)s::int] THEN 'BUY'
         WHEN luck = 5000 THEN 'SELL_SHORT' WHEN luck %% 2 = 0 THEN 'BUY' ELSE 'SELL' END
"""
#: The last instrument is the one of one order in 50,000.
INSTRUMENT = """
    CASE WHEN n %% 50000 = 49999 OR cardinality(%(instruments)s::bigint[]) = 1
         THEN (%(instruments)s::bigint[])[cardinality(%(instruments)s::bigint[])]
         ELSE (%(instruments)s::bigint[])[1 + n / 7 %% (cardinality(%(instruments)s::bigint[]) - 1)] END
"""
MADE = f"""
    WITH drawn AS (
        SELECT n, now() + ago AS at, uuidv7(ago) AS id, (hashint8extended(n, 0) & 1048575) %% 10000 AS luck,
            (%(accounts)s::text[])[1 + n %% cardinality(%(accounts)s::text[])] AS account,
            {INSTRUMENT} AS instrument
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
            make_interval(secs => (n::float8 / %(all)s - 1) * 86400.0 * %(days)s) AS ago
    ), made AS MATERIALIZED (
        SELECT *, {STATE} AS state, {SIDE} AS side
        FROM drawn, LATERAL (SELECT instrument = %(unrefused)s::bigint AS unrefused) AS known
    )
"""  # noqa: S608 - our own words
TIMES = ("received", "recorded", "queued", "claimed", "sent", "acknowledged", "completed", "updated")
ORDER: dict[str, str] = {
    "id": "made.id",
    "cl_ord_id": "'grown-' || n",
    "order_ref": "'GROWN' || n",
    "perm_id": "1000000000 + n",
    "broker_order_id": "NULL",
    "account_id": "account",
    "instrument_id": "instrument",
    "state": "made.state",
    "side": "made.side",
    "cum_qty": "CASE made.state WHEN 'COMPLETED' THEN like_this.order_qty ELSE 0 END",
    "avg_px": "CASE made.state WHEN 'COMPLETED' THEN like_this.avg_px ELSE 0 END",
    "first_fill_at": "CASE made.state WHEN 'COMPLETED' THEN at END",
    "last_fill_at": "CASE made.state WHEN 'COMPLETED' THEN at END",
    "fresh_until": "at",
    **{f"{name}_at": "at" for name in TIMES},
}
EXECUTION: dict[str, str] = {
    "order_id": "made.id",
    "account_id": "account",
    "exec_id": "'grown.' || n || '.01'",
    "exec_root": "'grown.' || n",
    "con_id": "contract.con_id",
    "symbol": "contract.symbol",
    "side": "CASE made.side WHEN 'BUY' THEN 'BUY' ELSE 'SELL' END",
    "transact_time": "at",
    "received_at": "at",
}


@cache
def rows_sql() -> str:
    """One statement that stores a chunk: orders, an event for each, an execution for each that was filled."""
    return f"""
    {MADE}, ordered AS (
        INSERT INTO orders_order ({", ".join(columns(Order))}) SELECT {copied(Order, ORDER)}
        FROM made, orders_order AS like_this WHERE like_this.id = %(like)s
    ), noted AS (
        INSERT INTO orders_orderevent
            (order_id, version, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at)
        SELECT id, 1, state, 'PENDING', state, 0, 0, 'grown', '', '{{}}', at FROM made
    )
    INSERT INTO orders_execution ({", ".join(columns(Execution))}) SELECT {copied(Execution, EXECUTION)}
    FROM made JOIN brokers_instrument AS contract ON contract.id = instrument,
        (SELECT * FROM orders_execution WHERE order_id = %(like)s LIMIT 1) AS like_this
    WHERE made.state = 'COMPLETED'
    """  # noqa: S608 - columns of our own models


def columns(model: type[Model]) -> list[str]:
    """The columns that are given: all but those that count by themselves."""
    return [
        str(field.column)
        for field in model._meta.concrete_fields
        if field.get_internal_type() not in ("AutoField", "BigAutoField")
    ]


def copied(model: type[Model], own: dict[str, str]) -> str:
    """What each column gets: something of its own, or what the pattern has."""
    return ", ".join(own.get(column, f"like_this.{column}") for column in columns(model))


def grow(ground: Ground, stored: int, wanted: int) -> None:
    """Store further orders, from the one after `stored` to `wanted`, with all indexes of production."""
    with Hands(ground.system.postgres) as hands, roomy(hands):
        if wanted > stored:
            facts = facts_of(hands, ground.accounts, wanted)
            with indexes_at_the_end(hands):
                for first in range(stored + 1, wanted + 1, ROUND):
                    store(hands, facts, first, min(first + ROUND - 1, wanted))
        vacuum(hands, "ANALYZE")


def store(hands: Hands, facts: dict[str, Any], first: int, last: int) -> None:
    """Store the orders of these numbers, in chunks."""
    starts = range(first, last + 1, CHUNK)
    chunks = [{**facts, "first": start, "last": min(start + CHUNK - 1, last)} for start in starts]
    hands.do_all([rows_sql()] * len(chunks), chunks)
    vacuum(hands, "INDEX_CLEANUP OFF, TRUNCATE OFF")


def facts_of(hands: Hands, accounts: Sequence[str], wanted: int) -> dict[str, Any]:
    """What the statement must know."""
    ((like,),) = hands.do("SELECT order_id FROM orders_execution ORDER BY id LIMIT 1")
    found = hands.do("SELECT id FROM brokers_instrument WHERE con_id > 0 ORDER BY id")
    instruments = [row[0] for row in found]
    return {
        "like": like,
        "instruments": instruments,
        "unrefused": instruments[-2] if len(instruments) > 2 else None,
        "accounts": list(accounts),
        "only_buys": len(accounts) if len(accounts) > 1 else 0,
        "days": SPAN_DAYS,
        "all": max(wanted, 1),
    }
