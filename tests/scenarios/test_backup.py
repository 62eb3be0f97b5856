"""A backup brings everything back into a new cluster, and nothing is sent before a person has looked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tradedesk.backup.make import counts, highest_txid, next_txid
from tradedesk.backup.manifest import BackupInvalid, Manifest, newest
from tradedesk.backup.programs import program, run
from tradedesk.backup.restore import EPOCHS, advance, called
from tradedesk.stack.errors import StackError
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.manage import manage
from tradedesk.stack.system import System

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def backup(stack: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a desk that has seen more transactions than a new cluster will for long."""
    with stack.connect() as connection:
        advance(connection, 200_000)
    completed(stack, "MSFT")
    into = tmp_path_factory.mktemp("backups")
    stack.manage("backup", str(into))
    found = newest(into)
    assert found is not None
    return found.folder


def completed(stack: System, symbol: str) -> dict[str, Any]:
    order = eventually(lambda: stack.api.placed(symbol, max_age="300"))
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED")
    return order


def changed(backup: Path, into: Path, **facts: Any) -> Path:
    """A copy of a backup whose manifest says something else."""
    shutil.copytree(backup, into / "copy")
    manifest = into / "copy/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | facts))
    return into / "copy"


def test_a_backup_says_what_is_in_it(backup: Path) -> None:
    told = Manifest.read(backup)
    told.require_whole()
    assert told.counts["orders_order"] >= 1
    assert told.sessions == ["main"]
    assert backup.stat().st_mode & 0o077 == 0


def test_the_database_knows_when_it_was_backed_up(stack: System, backup: Path) -> None:
    ((subject,),) = stack.rows("SELECT subject FROM orders_auditrecord WHERE kind = 'backup.made'")
    assert subject == f"backup:{backup.name}"


def test_the_dump_alone_is_restored_by_pg_restore_with_rows_sequences_and_rights(
    stack: System, backup: Path
) -> None:
    told = Manifest.read(backup)
    with stack.postgres.connect("postgres") as connection:
        connection.execute("CREATE DATABASE bare TEMPLATE template0")
    url = called(stack.postgres.url, "bare")
    run(program("pg_restore", at_least=told.postgres), url, "--no-owner", "--exit-on-error", str(told.dump))
    with psycopg.connect(url) as connection:
        assert counts(connection) == told.counts
        ((following, last, may),) = connection.execute(
            "SELECT nextval(pg_get_serial_sequence('orders_orderevent', 'id')), max(id),"
            " has_table_privilege('tradedesk_app', 'orders_orderevent', 'DELETE') FROM orders_orderevent"
        ).fetchall()
    assert (following > last, may) == (True, False)


def test_a_restore_is_refused_while_processes_run(stack: System, backup: Path) -> None:
    with pytest.raises(StackError, match=r"connections to tradedesk .* stop every process"):
        stack.manage("restore", str(backup))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"product": "other"}, "of something else"),
        ({"format": 2}, "format 2"),
        ({"bytes": 5}, "incomplete"),
        ({"sha256": "0" * 64}, "checksum"),
        ({"migrations": ["orders.9999_later"]}, "newer than this version"),
        ({"postgres": 99}, "PostgreSQL 99"),
    ],
)
def test_what_cannot_be_restored_is_refused_in_words(
    stack: System, backup: Path, tmp_path: Path, facts: dict[str, Any], said: str
) -> None:
    with pytest.raises(StackError, match=said):
        stack.manage("restore", str(changed(backup, tmp_path, **facts)))


def test_half_a_backup_is_no_backup(backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup, tmp_path / "half")
    (tmp_path / "half/database.dump").unlink()
    with pytest.raises(BackupInvalid, match="incomplete"):
        Manifest.read(tmp_path / "half").require_whole()
    shutil.copytree(backup, tmp_path / "x.unfinished")
    shutil.rmtree(tmp_path / "half")
    assert newest(tmp_path) is None


def test_after_a_restore_into_a_new_cluster_a_person_releases_and_trading_goes_on(
    stack: System, backup: Path
) -> None:
    before = stack.rows("SELECT count(*) FROM orders_order")
    lost = completed(stack, "AAPL")
    stack.kill(*list(stack.running.keys() - {"simgateway"}))
    lose_cluster(stack)
    said = stack.manage("restore", str(backup.parent))
    assert "HALTED" in said
    assert stack.rows("SELECT count(*) FROM orders_order") == before
    stack.start(*(name for name in stack.processes if name != "simgateway"))
    waiting = eventually(lambda: stack.api.placed("MSFT", max_age="300"))
    eventually(lambda: lost["order_ref"] in stack.rows(ALERT)[0][0])  # the broker was asked
    assert stack.api.state(waiting["id"]) == "CREATED"
    released(stack)
    eventually(lambda: stack.api.state(waiting["id"]) == "COMPLETED")
    assert stack.control.received(lost["order_ref"]) == 1
    eventually(lambda: stack.rows(BEHIND) == [(0,)])
    assert "unbroken" in stack.manage("audit", "verify")


def test_after_a_bare_pg_restore_one_command_does_the_rest(stack: System, backup: Path) -> None:
    told = Manifest.read(backup)
    stack.kill(*list(stack.running))
    lose_cluster(stack)
    run(program("pg_restore", at_least=told.postgres), stack.postgres.url, "--no-owner", str(told.dump))
    with stack.postgres.connect() as connection:
        assert highest_txid(connection) > next_txid(connection)
    assert "HALTED until a person releases them: main" in stack.manage("restore", "--after-pg-restore")
    with stack.postgres.connect() as connection:
        assert highest_txid(connection) < next_txid(connection)
        ((epoch,),) = connection.execute("SELECT lease_epoch FROM brokers_gatewaysession").fetchall()
    assert epoch > EPOCHS


ALERT = "SELECT text FROM orders_alert WHERE kind = 'LOST_HISTORY' AND cleared_at IS NULL"
#: Events that no reader of the stream will ever see, unless transaction ids went on.
BEHIND = (
    "SELECT count(*) FROM orders_orderevent"
    " WHERE txid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
)


def lose_cluster(stack: System) -> None:
    """The machine is gone: a new server, empty, whose transactions count from the beginning."""
    stack.postgres.kill()
    shutil.rmtree(stack.postgres.folder)
    stack.postgres.start()


def released(stack: System) -> None:
    """Both persons do what the runbook says: rebuild, look, release."""
    password = (stack.folder.path / "desk_password").read_text().strip()
    env = stack.environment | {"TRADEDESK_PERSON_PASSWORD": password}
    for command in ("rebuild", "release"):
        manage(command, "main", "--by", "desk", "--reason", "restored", env=env, logs=stack.folder.logs)
