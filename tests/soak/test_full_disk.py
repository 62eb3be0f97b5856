"""A full disk: of logs it costs no order, of PostgreSQL none is taken and all say so; both heal alone."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.soak.sickness import Measure, light_flow, readyz, trades_again
from tradedesk.chaos.kills import Flow
from tradedesk.chaos.up import Up
from tradedesk.stack.polling import eventually
from tradedesk.stack.servers.postgres import ROLE

DISK = 24  # MB
WHOLE_DISK = 300  # MB
SICK = 20.0  # seconds
FULL, ENDED = "disk of the database is full", "get a connection"


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A small disk of its own at this folder."""
    folder.mkdir(parents=True, mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a disk of its own needs the right to mount (CAP_SYS_ADMIN)")
    yield
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose logs are on a small disk."""
    with disk(tmp_path / "data/logs", DISK):
        yield tmp_path / "data"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A data folder that is on a small disk with all that is in it, PostgreSQL's tables and WAL first."""
    with disk(tmp_path / "data", WHOLE_DISK):
        yield tmp_path / "data"


def doctor(up: Up) -> str:
    """What it says; it fails, for the desk of a test is no deployment."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        up.manage("doctor")
    return str(failed.value.stdout)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is, also what has become free since it was made."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_a_full_disk_for_logs_costs_no_order(data: Path, record_property: Measure) -> None:
    with Up(data) as up, light_flow(up, up.api, "full-disk") as flow:
        filler, taken = fill(data / "logs"), len(flow.taken)
        try:
            up.kill("beat")  # what dies meanwhile is started again all the same
            time.sleep(SICK)
            assert len(flow.taken) > taken + SICK
            assert f"0% of the disk of {up.folder / 'logs'} is free" in doctor(up)
            assert '"status": "ready"' in readyz(up.urls.http)
        finally:
            filler.unlink()
        size = up.log_size("worker")
        trades_again(up.api, record_property)
        eventually(lambda: up.log_size("worker") > size)


def test_a_full_disk_of_postgresql_takes_no_order_says_so_and_heals(
    small: Path, record_property: Measure
) -> None:
    with Up(small) as up, light_flow(up, up.api, "full-database") as flow:
        filler = fill(small)
        try:
            eventually(lambda: FULL in readyz(up.urls.http), limit=120)
            said = eventually(lambda: refusal(up), limit=120)
            assert (said["status"], said["title"]) == (503, "The database cannot be reached")
            told = doctor(up)
            # The server ends by itself once it needs a new file of its log: then only its disk is known.
            assert "0% of the disk" in told
            assert FULL in told or ENDED in told
            eventually(lambda: ends_with_a_full_log(up), limit=120)
            eventually(lambda: fill(small) and takes_none(flow), limit=120)
        finally:
            filler.unlink()
        trades_again(up.api, record_property)
        eventually(lambda: '"status": "ready"' in readyz(up.urls.http), limit=120)


def refusal(up: Up) -> dict[str, Any]:
    """What an order is answered that is not taken."""
    answer = up.api.place("MSFT", max_age="3600")
    return {} if answer.is_success else dict(answer.json())


def takes_none(flow: Flow) -> bool:
    """Whether no order is taken for some seconds. A server that lived on has room in its pages for a few."""
    taken = len(flow.taken)
    time.sleep(3)
    return len(flow.taken) == taken


def ends_with_a_full_log(up: Up) -> bool:
    """Have the server begin files of its log until there is no room for one; whether it broke off then.

    Its recovery may find room in what it had written, and then it lives on; a busy server refuses
    connections that it takes a moment later, and one that recovers refuses all.
    """
    password = (up.folder / "postgres_password").read_text().strip()
    url = json.loads((up.folder / "stack.json").read_text())["DATABASE_URL"]
    try:
        connection = psycopg.connect(url, user=ROLE, password=password, autocommit=True)
    except psycopg.OperationalError:
        return ENDED in readyz(up.urls.http)
    with closing(connection), suppress(psycopg.OperationalError):
        while True:
            connection.execute("SELECT pg_logical_emit_message(false, 'drill', repeat('x', 4000000))")
    return connection.broken
