"""PostgreSQL: version, durability, rights of our login, schema, clock, what would hang."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from brokers.postgres import clock
from brokers.postgres.room import FULL_TEXT, has_room
from orders.controls.audit.install import APPLICATION
from orders.controls.audit.seal import unsealed_for
from orders.controls.audit.tables import CHANGEABLE, KEPT
from tradedesk import clock_watch
from tradedesk.backup.make import HIGHEST_TXID, NEXT_TXID
from tradedesk.doctor.findings import Finding, fail, ok, unless_paper, warn

OLDEST_VERSION = 15  # what the tests and drills were run with, and newer
SKEW_FAIL = 10.0  # seconds
UNSEALED_LIMIT = 60.0  # seconds

OWNED = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = current_user
"""
MAY = """
    SELECT t FROM unnest(%s::text[]) AS t
    WHERE has_table_privilege(current_user, t, 'DELETE') OR has_table_privilege(current_user, t, 'TRUNCATE')
        OR (t = ANY(%s::text[]) AND has_table_privilege(current_user, t, 'UPDATE'))
"""
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"


def examine() -> Iterator[Finding]:
    """All of it; an error of the database goes up."""
    yield version()
    yield durability()
    yield role()
    yield migrations()
    yield indexes()
    yield database_clock()
    yield process_clocks()
    yield room()
    yield idle_transactions()
    yield transaction_ids()
    yield audit()


def ask(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def setting(name: str) -> str:
    """A setting of the server."""
    return str(ask("SELECT current_setting(%s)", name)[0][0])


def version() -> Finding:
    """Old enough to be known, and a server that can write."""
    text = setting("server_version")
    if ask("SELECT pg_is_in_recovery()")[0][0]:
        do = "Promote it, or let DATABASE_URL name all hosts with target_session_attrs=read-write."
        return fail("database", f"PostgreSQL {text} is a standby: nothing can be recorded.", do)
    if int(text.split(".")[0]) < OLDEST_VERSION:
        return fail("database", f"PostgreSQL {text}", f"Use PostgreSQL {OLDEST_VERSION} or newer.")
    return ok("database", f"PostgreSQL {text}")


def durability() -> Finding:
    """What is committed is on disk, and on a second one."""
    do = "Set fsync, full_page_writes and synchronous_commit back to on."
    off = [name for name in ("fsync", "full_page_writes") if setting(name) != "on"]
    if setting("synchronous_commit") == "off":
        off.append("synchronous_commit")
    if off:
        return fail("durability", f"Off: {', '.join(off)}. A power cut forgets orders that were sent.", do)
    if not setting("synchronous_standby_names"):
        do = "Run a synchronous standby (docs/production.md), or accept what a lost disk costs."
        return unless_paper("durability", "No synchronous standby: a lost disk loses what was sent.", do)
    return ok("durability", f"fsync, standby {setting('synchronous_standby_names')}")


def role() -> Finding:
    """Our login owns nothing, and cannot change what is audited."""
    do = f"Let DATABASE_URL log in as {APPLICATION}: `manage.py databaserole`, then `manage.py migrate`."
    ((name, is_super, makes_roles),) = ask(
        "SELECT rolname, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    if is_super or makes_roles:
        return fail("role", f"{name} may do anything: the audit proves nothing.", do)
    if owned := ask(OWNED)[0][0]:
        return fail("role", f"{name} owns {owned} tables: it could rewrite the audit.", do)
    may = [table for (table,) in ask(MAY, [*CHANGEABLE, *KEPT], list(CHANGEABLE))]
    if may:
        return fail("role", f"{name} may change or delete in {', '.join(sorted(may))}.", do)
    return ok("role", f"{name} owns nothing and cannot change what is audited")


def migrations() -> Finding:
    """The schema is that of this version."""
    executor = MigrationExecutor(connection)
    known = set(executor.loader.disk_migrations)
    applied = set(MigrationRecorder(connection).applied_migrations())
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(str(migration) for migration, _ in missing[:3])
        return fail("migrations", f"{len(missing)} are missing: {names}", "Run `manage.py migrate`.")
    ours = {app for app, _ in known}
    if newer := sorted(".".join(key) for key in applied - known if key[0] in ours):
        do = "Right during a rolling update; otherwise start the newer version."
        return warn("migrations", f"The database is newer than this version: {', '.join(newer[:3])}", do)
    return ok("migrations", f"all {len(applied)} are applied")


def indexes() -> Finding:
    """An index whose concurrent build failed is written to, and never read."""
    if invalid := [name for (name,) in ask(INVALID)]:
        do = "DROP INDEX CONCURRENTLY each, and run `manage.py migrate` again."
        return fail("indexes", f"Not valid: {', '.join(invalid)}", do)
    return ok("indexes", "all valid")


def database_clock() -> Finding:
    """This machine against the database."""
    skew = clock.measure()
    return clock_finding("clock_database", skew, "the database")


def room() -> Finding:
    """Whether it can write."""
    do = "Make room on the server's disk, for tables and WAL; it goes on by itself."
    return (
        ok("database_room", "it can write to its disk")
        if has_room()
        else fail("database_room", FULL_TEXT, do)
    )


def process_clocks() -> Finding:
    """What the processes that run have found of their own clocks."""
    if wrong := clock_watch.told():
        do = "Start the time service (chrony, systemd-timesyncd) on the machines of these processes."
        return warn("clock_processes", " ".join(wrong), do)
    return ok("clock_processes", "no process has told of a wrong clock")


def clock_finding(name: str, skew: float, other: str) -> Finding:
    """How far this machine's clock is off another one."""
    text = f"{skew:+.2f} s off {other}'s"
    do = "Start the time service (chrony, systemd-timesyncd) on both machines."
    if abs(skew) > SKEW_FAIL:
        return fail(name, text, do)
    return warn(name, text, do) if abs(skew) > clock.WRONG_ABOVE else ok(name, text)


def idle_transactions() -> Finding:
    """One transaction that somebody forgot stops the event stream, the seals and every vacuum."""
    if setting("idle_in_transaction_session_timeout") != "0":
        return ok("idle_transactions", f"ended after {setting('idle_in_transaction_session_timeout')}")
    do = "ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min'; SELECT pg_reload_conf();"
    return warn("idle_transactions", "A person's forgotten transaction would stop the stream.", do)


def transaction_ids() -> Finding:
    """Streams, seals and webhooks follow events by them; a new cluster may begin before those of the rows."""
    ((stored,),), ((following,),) = ask(HIGHEST_TXID), ask(NEXT_TXID)
    if stored <= following:
        return ok("transaction_ids", f"at {following}, above all that are kept")
    do = "Stop every process and run `manage.py restore --after-pg-restore` as the owner of the tables."
    text = f"The server is at {following}, rows keep up to {stored}: nobody is told of new events."
    return fail("transaction_ids", f"{text} The database was restored without `manage.py restore`.", do)


def audit() -> Finding:
    """What was done is sealed."""
    if (seconds := unsealed_for()) > UNSEALED_LIMIT:
        do = "Are beat and worker running? A long transaction holds it up too."
        return fail("audit", f"What was done {seconds:.0f} s ago is not sealed.", do)
    return ok("audit", "sealed")
