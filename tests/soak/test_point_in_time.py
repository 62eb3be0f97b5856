"""Recovery to a point in time: base backup, archived WAL, and a session that waits for a person."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.soak.replicas import base_backup
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.process import identity
from tradedesk.stack.servers.accounts import postgres_home
from tradedesk.stack.servers.server import Server
from tradedesk.stack.system import System

ALERT = "SELECT text FROM orders_alert WHERE kind = 'LOST_HISTORY' AND cleared_at IS NULL"
STATE = "SELECT state FROM orders_scopestate WHERE scope = 'session:main'"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "stack", without=("flower", "stream")) as system:
        yield system


def completed(stack: System, symbol: str) -> dict[str, Any]:
    order = eventually(lambda: stack.api.placed(symbol, max_age="300"), limit=120)
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=120)
    return order


def configure(stack: System, **settings: str) -> None:
    """Settings of the server, which it reads when it starts."""
    with stack.connect() as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())


@pytest.fixture
def wal(stack: System) -> Iterator[Path]:
    """A folder that the server's account reaches, into which every finished segment of WAL is copied."""
    folder = Path(tempfile.mkdtemp(prefix="tradedesk-wal-"))
    if account := stack.postgres.account:
        os.chown(folder, account.uid, account.gid)
    configure(stack, archive_mode="on", archive_command=f"cp %p {folder}/%f")
    stack.restart_postgres()
    stack.wait_until_ready()
    yield folder
    shutil.rmtree(folder)


def proven(stack: System, backup: Path) -> bool:
    """PostgreSQL's own word for whether a base backup is whole."""
    account = stack.postgres.account
    done = subprocess.run(
        [postgres_home(account) / "bin/pg_verifybackup", "--no-parse-wal", "."],
        cwd=backup,
        capture_output=True,
        check=False,
        **identity(account),
    )
    return done.returncode == 0


def recover(stack: System, backup: Path, wal: Path, moment: str) -> None:
    """The machine's disk is lost; what the base backup and the WAL hold is brought back up to a moment."""
    stack.postgres.kill()
    shutil.rmtree(stack.postgres.folder)
    subprocess.run(["cp", "-a", str(backup), str(stack.postgres.folder)], check=True)
    with (stack.postgres.folder / "postgresql.auto.conf").open("a") as file:
        file.write(
            f"archive_mode = 'off'\nrestore_command = 'cp {wal}/%f %p'\n"
            f"recovery_target_time = '{moment}'\nrecovery_target_action = 'promote'\n"
        )
    signal = stack.postgres.folder / "recovery.signal"
    signal.touch()
    if account := stack.postgres.account:
        os.chown(signal, account.uid, account.gid)
    Server.start(stack.postgres)  # a standby cannot be told passwords
    eventually(lambda: stack.rows("SELECT pg_is_in_recovery()") == [(False,)], limit=120)


def test_what_came_after_the_point_in_time_is_found_at_the_broker_and_a_person_is_asked(
    stack: System, wal: Path
) -> None:
    backup = stack.folder.path / "base"
    base_backup(stack.postgres, backup)
    assert proven(stack, backup)
    before = completed(stack, "MSFT")
    ((moment,),) = stack.rows("SELECT clock_timestamp()::text")
    after = completed(stack, "AAPL")
    stack.rows("SELECT pg_switch_wal()")
    eventually(
        lambda: stack.rows("SELECT last_archived_time > %s::timestamptz FROM pg_stat_archiver", moment)[0][0]
    )
    stack.kill(*(name for name in list(stack.running) if name != "simgateway"))
    recover(stack, backup, wal, moment)
    kept = {str(ref) for (ref,) in stack.rows("SELECT order_ref FROM orders_order")}
    assert before["order_ref"] in kept
    assert after["order_ref"] not in kept
    stack.start(*(name for name in stack.processes if name != "simgateway"))
    eventually(lambda: after["order_ref"] in str(stack.rows(ALERT)), limit=120)
    assert stack.rows(STATE) == [("HALTED",)]
    waiting = stack.api.placed("MSFT", max_age="300")
    assert stack.api.state(waiting["id"]) == "CREATED"
