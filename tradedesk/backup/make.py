"""Making a backup: one snapshot, in which the rows are counted and pg_dump reads."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import dict_row

from tradedesk.backup.manifest import DUMP, UNFINISHED, BackupInvalid, Manifest, digest, name_at
from tradedesk.backup.programs import program, run
from tradedesk.version import VERSION

#: Counted in the backup and after a restore: what must not be lost.
COUNTED = ("orders_order", "orders_orderevent", "orders_execution", "orders_auditrecord", "orders_auditseal")

HIGHEST_TXID = """
    SELECT GREATEST((SELECT max(txid) FROM orders_orderevent), (SELECT max(txid) FROM orders_auditrecord),
        (SELECT max(to_txid) FROM orders_auditseal), 0)
"""
NEXT_TXID = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


def make_backup(url: str, into: Path) -> Manifest:
    """Write a backup of this database into a new folder in `into`."""
    moment = datetime.now(UTC)
    folder = into / name_at(moment)
    staging = folder.with_name(folder.name + UNFINISHED)
    try:
        staging.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BackupInvalid(f"{staging} cannot be made: {error.strerror}.") from None
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.execute("SET idle_in_transaction_session_timeout = 0")  # for as long as pg_dump takes
        facts = describe(connection)
        ((snapshot,),) = connection.execute("SELECT pg_export_snapshot()").fetchall()
        dumper = program("pg_dump", at_least=facts["postgres"])
        staging_dump = staging / DUMP
        run(dumper, url, "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={staging_dump}")
    size = flush(staging_dump)
    made = Manifest(
        made_at=moment, version=VERSION, bytes=size, sha256=digest(staging_dump), folder=folder, **facts
    )
    made.write(staging)
    staging.rename(folder)
    return made


def describe(connection: psycopg.Connection) -> dict[str, Any]:
    """What the manifest says of the database, in the snapshot that is dumped."""
    applied = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY id").fetchall()
    sessions = connection.execute("SELECT name FROM brokers_gatewaysession ORDER BY name").fetchall()
    with connection.cursor(row_factory=dict_row) as cursor:
        head = cursor.execute("SELECT seq, head, at::text FROM orders_auditseal ORDER BY seq DESC LIMIT 1")
        audit_head = head.fetchone()
    return {
        "postgres": connection.info.server_version // 10_000,
        "database": connection.info.dbname,
        "migrations": [name for (name,) in applied],
        "sessions": [name for (name,) in sessions],
        "counts": counts(connection),
        "audit_head": audit_head,
        "txid": max(next_txid(connection), highest_txid(connection)),
    }


def counts(connection: psycopg.Connection) -> dict[str, int]:
    """Rows of each table that must not be lost."""
    one = "SELECT count(*) FROM {}"
    return {
        name: cast(int, connection.execute(one.format(name).encode()).fetchall()[0][0]) for name in COUNTED
    }


def highest_txid(connection: psycopg.Connection) -> int:
    """The highest id of a transaction that a row keeps: its own, or up to which all is sealed."""
    ((found,),) = connection.execute(HIGHEST_TXID).fetchall()
    return int(found)


def next_txid(connection: psycopg.Connection) -> int:
    """The id that the server's next transaction gets, or a little more."""
    ((found,),) = connection.execute(NEXT_TXID).fetchall()
    return int(found)


def flush(path: Path) -> int:
    """See that a file is on disk; its size in bytes."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path.stat().st_size
