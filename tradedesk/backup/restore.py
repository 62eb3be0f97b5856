"""Restoring a backup: into a database of its own, brought up to this version, halted; then the names change.

What the broker did since the backup is not in it. So every session begins HALTED, whatever was set when the
backup was made: the broker is asked what it has before anything is sent, and a person releases.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from brokers.models import GatewaySession
from orders.controls.audit.install import ROLE
from orders.models import AlertKind, TradingState
from orders.notify.alerts import raise_alert
from orders.risk.scopes import ScopeKind, scope_text
from orders.store.states import put_state
from tradedesk.backup.make import counts, highest_txid
from tradedesk.backup.manifest import BackupInvalid, Manifest
from tradedesk.backup.programs import program, run
from tradedesk.backup.server import django_on

ACTOR = "restore"
#: Added to each lease's epoch: whoever held one before the restore is fenced off.
EPOCHS = 1_000_000


class RestoreRefused(Exception):
    """It was not begun, or not ended; says why. The database is what it was."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came of it; `kept_as` is the name that the database before has now."""

    kept_as: str
    halted: list[str]


def check(backup: Manifest, url: str) -> None:
    """Raise BackupInvalid or RestoreRefused when it cannot be restored here."""
    backup.require_whole()
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    ours = {name.split(".")[0] for name in known}
    newer = [name for name in backup.migrations if name.split(".")[0] in ours and name not in known]
    if newer:
        raise BackupInvalid(
            f"The backup is newer than this version: it was made by {backup.version} and has "
            f"{', '.join(newer[:3])}. Restore it with the version that made it, or a later one."
        )
    with maintenance(url) as connection:
        if connection.info.server_version // 10_000 < backup.postgres:
            raise BackupInvalid(
                f"The backup was made on PostgreSQL {backup.postgres}; this server is "
                f"{connection.info.server_version // 10_000}, and an older one cannot read it."
            )
        require_alone(connection, name_of(url))


def require_alone(connection: psycopg.Connection, database: str) -> None:
    """Raise RestoreRefused while others work on the database: they would go on in a past they do not know."""
    others = connection.execute(
        "SELECT COALESCE(NULLIF(application_name, ''), 'unnamed'), count(*) FROM pg_stat_activity"
        " WHERE datname = %s AND backend_type = 'client backend' GROUP BY 1 ORDER BY 1",
        [database],
    ).fetchall()
    if others:
        shown = ", ".join(f"{count} of {name}" for name, count in others)
        raise RestoreRefused(
            f"There are connections to {database} ({shown}): stop every process first. After `make up` was "
            "stopped, restore starts its PostgreSQL by itself."
        )


def restore_backup(backup: Manifest, url: str) -> Restored:
    """Put the database of this URL, its owner's, to what the backup holds."""
    check(backup, url)
    moment = datetime.now(UTC)
    staging = f"{name_of(url)}_restoring_{moment:%Y%m%d%H%M%S}"
    with maintenance(url) as connection:
        connection.execute(ROLE)  # the dump gives it its rights
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(staging)))
    try:
        restored = called(url, staging)
        reader = program("pg_restore", at_least=backup.postgres)
        run(reader, restored, "--no-owner", "--exit-on-error", str(backup.dump))
        prove(backup, restored)
        with django_on(restored):
            call_command("migrate", "--no-input", "--verbosity", "0")
            halted = halt_all(reason_of(backup))
        kept_as = take_over(url, staging, f"{name_of(url)}_before_{moment:%Y%m%d%H%M%S}")
    except BaseException:
        with maintenance(url) as connection:
            unwanted = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(staging))
            connection.execute(unwanted)
        raise
    return Restored(kept_as=kept_as, halted=halted)


def prove(backup: Manifest, url: str) -> None:
    """Count what must not be lost, and let transaction ids go on above those that rows keep."""
    with psycopg.connect(url, autocommit=True) as connection:
        if (found := counts(connection)) != backup.counts:
            raise BackupInvalid(f"The backup held {backup.counts}, after the restore there are {found}.")
        advance(connection, max(backup.txid, highest_txid(connection)))


def advance(connection: psycopg.Connection, txid: int) -> None:
    """Use up transaction ids up to this one.

    A new cluster counts from the beginning; events are followed by these ids, so that new ones would come
    before the restored, and no stream and no webhook would ever tell of them.
    """
    connection.execute("SET synchronous_commit = off")
    connection.execute(
        f"""
        DO $$ BEGIN
            WHILE pg_current_xact_id()::text::bigint <= {txid:d} LOOP COMMIT; END LOOP;
        END $$
        """.encode()
    )


def complete_bare(url: str) -> Restored:
    """What a restore does beside the rows, for a database that somebody's own `pg_restore` has made."""
    with maintenance(url) as connection:
        require_alone(connection, name_of(url))
    with psycopg.connect(url, autocommit=True) as connection:
        advance(connection, highest_txid(connection))
    with django_on(url):
        return Restored(kept_as="", halted=halt_all("Restored by pg_restore"))


def reason_of(backup: Manifest) -> str:
    """Why the sessions are halted."""
    return f"Restored from the backup of {backup.made_at:%Y-%m-%d %H:%M:%S} UTC"


def halt_all(reason: str) -> list[str]:
    """Every session begins HALTED, with an alert that says why; their names."""
    names = list(GatewaySession.objects.order_by("name").values_list("name", flat=True))
    for name in names:
        put_state(scope_text(ScopeKind.SESSION, name), TradingState.HALTED, by=ACTOR, reason=reason)
        text = (
            f"{reason}: what was ordered, executed and decided since is not in our books. Start the broker "
            "worker, let it look at the broker (it says what it finds), compare, then release the session."
        )
        raise_alert(AlertKind.LOST_HISTORY, session=name, text=text)
    for session in GatewaySession.objects.all():
        session.lease_epoch += EPOCHS
        session.lease_owner, session.lease_until = "", None
        session.save(update_fields=["lease_epoch", "lease_owner", "lease_until"])
    return names


def take_over(url: str, staging: str, kept_as: str) -> str:
    """Give the restored database the name; what the one before is called now, empty when there was none."""
    own = name_of(url)
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with maintenance(url) as connection, connection.transaction():  # both names change, or none
        require_alone(connection, own)
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [own]).fetchone()
        if there:
            connection.execute(rename.format(sql.Identifier(own), sql.Identifier(kept_as)))
        connection.execute(rename.format(sql.Identifier(staging), sql.Identifier(own)))
    return kept_as if there else ""


def name_of(url: str) -> str:
    """The database's name in a URL."""
    return urlsplit(url).path.lstrip("/")


def called(url: str, database: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def maintenance(url: str) -> Iterator[psycopg.Connection]:
    """A connection to the server's own database: one that is used cannot be renamed."""
    try:
        connection = psycopg.connect(called(url, "postgres"), connect_timeout=5, autocommit=True)
    except psycopg.Error as error:
        raise RestoreRefused(f"The server cannot be reached: {' '.join(str(error).split())}") from None
    with connection:
        yield connection
