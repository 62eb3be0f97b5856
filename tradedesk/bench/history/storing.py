"""Storing millions of rows quickly: connections side by side, and indexes made when all is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import repeat
from queue import SimpleQueue
from typing import Any, Self

import psycopg

from tradedesk.stack.servers.postgres import EmbeddedPostgres

HANDS = 2
TABLES = ("orders_order", "orders_orderevent", "orders_execution")
#: Triggers and foreign keys are left out: the rows are right by construction, and there are millions.
FAST = (
    "SET session_replication_role = replica",
    "SET synchronous_commit = off",
    "SET wal_init_zero = off",
    "SET jit = off",
    "SET work_mem = '256MB'",  # a chunk stays in memory
    "SET maintenance_work_mem = '1500MB'",
    "SET max_parallel_maintenance_workers = 0",  # each connection makes another index
    "SET vacuum_buffer_usage_limit = 0",
)
#: Of the whole server, and only meanwhile: no page is written to the log twice.
ROOMY = {"max_wal_size": "16GB", "checkpoint_timeout": "1h"}
#: Small ones, in which there is hardly anything of a history: nothing to sort. Primary keys stay as well,
#: because foreign keys need them, and so does what the stream reads: these grow at their end.
KEPT = (
    "order_attention",
    "order_broker_order_id",
    "order_moving",
    "order_standing",
    "order_unique_external",
    "order_event_stream",
    "execution_no_commission",
)
#: Every index of the tables with its constraint, if it has one.
INDEXES = """
    pg_index JOIN pg_class AS index ON index.oid = indexrelid
    LEFT JOIN pg_constraint ON conindid = indexrelid AND conrelid = indrelid
    WHERE indrelid = ANY(%(tables)s::regclass[])
"""
#: The widest first: they take longest.
DROPPED = f"""
    SELECT indrelid::regclass::text, relname, pg_get_indexdef(indexrelid), conname FROM {INDEXES}
    AND NOT indisprimary AND relname <> ALL(%(kept)s) ORDER BY indnatts DESC, relname
"""  # noqa: S608 - our own words
DEFINITIONS = f"""
    SELECT pg_get_indexdef(indexrelid) FROM {INDEXES} AND indisvalid AND indisready AND indislive
    UNION ALL
    SELECT format('%%s %%s %%s %%s', conname, conrelid::regclass, convalidated, pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE conrelid = ANY(%(tables)s::regclass[]) OR confrelid = ANY(%(tables)s::regclass[])
    ORDER BY 1
"""  # noqa: S608 - our own words
FACTS = {"tables": list(TABLES), "kept": list(KEPT)}

Facts = Mapping[str, Any]


class Hands:
    """Connections to one database that work side by side."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self._free: SimpleQueue[psycopg.Connection] = SimpleQueue()
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for _ in range(HANDS):
                self._free.put(undo.enter_context(self._one()))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()

    def _one(self) -> psycopg.Connection:
        connection = self._postgres.connect()
        connection.prepare_threshold = None  # planned anew: with its values in it, a statement is cheaper
        for setting in FAST:
            connection.execute(setting.encode())
        return connection

    def do(self, statement: str, facts: Facts | None = None) -> list[Any]:
        """One statement by a connection that is free, and what it answers."""
        connection = self._free.get()
        try:
            cursor = connection.execute(statement.encode(), facts)
            return cursor.fetchall() if cursor.description else []
        finally:
            self._free.put(connection)

    def do_all(self, statements: Sequence[str], facts: Sequence[Facts | None] | None = None) -> None:
        """All of these, as many at once as there are connections."""
        with ThreadPoolExecutor(HANDS) as pool:
            list(pool.map(self.do, statements, facts or repeat(None)))


@contextmanager
def roomy(hands: Hands) -> Iterator[None]:
    """Meanwhile the server does not check-point; afterwards everything is on the disk."""
    try:
        for name, value in ROOMY.items():
            hands.do(f"ALTER SYSTEM SET {name} = '{value}'")
        hands.do("SELECT pg_reload_conf()")
        yield
    finally:
        for name in ROOMY:
            hands.do(f"ALTER SYSTEM RESET {name}")
        hands.do("SELECT pg_reload_conf()")
    hands.do("CHECKPOINT")


@contextmanager
def indexes_at_the_end(hands: Hands) -> Iterator[None]:
    """Meanwhile the tables have few indexes; afterwards all: sorting once is faster.

    Constraints come last: each takes its table for a moment, which an index in the making would hold up.
    Raises AssertionError unless all is as it was.
    """
    before = definitions(hands)
    dropped = hands.do(DROPPED, FACTS)
    for table, index, _, constraint in dropped:
        hands.do(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {index}")
    yield
    hands.do_all([definition for _, _, definition, _ in dropped])
    for table, index, _, constraint in dropped:
        if constraint:
            hands.do(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE USING INDEX {index}")
    if different := set(before) ^ set(definitions(hands)):
        raise AssertionError(f"indexes and constraints are not what they were: {sorted(different)}")


def definitions(hands: Hands) -> list[str]:
    """Every usable index and every constraint of the tables, and of others on them."""
    return [text for (text,) in hands.do(DEFINITIONS, FACTS)]


def vacuum(hands: Hands, how: str) -> None:
    """Tidy each table, so that neither a reader nor the server has to do it later."""
    hands.do_all([f"VACUUM ({how}) {table}" for table in TABLES])
