"""SIGKILL of every process of `make up` under load, then of any at random: all is back, both books agree.

`KILL_MINUTES=10` for the long form.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tradedesk.chaos.up import CHILD, FORKING, SERVERS
from tradedesk.env import BASE_DIR
from tradedesk.stack.processes.commands import MANAGE

MINUTES = os.environ.get("KILL_MINUTES", "1")
#: Servers of the test run; these kills have their own.
OURS = ("DATABASE_URL", "REDIS_URL", "TRADEDESK_DATA", "PGOPTIONS", "SECRET_KEY")
PROCESSES = ("simgateway", "web", "stream", "broker", "worker", "beat", "flower")


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """One stack for all kills."""
    command = [*MANAGE, "kills", "--rounds", "1", "--minutes", MINUTES, "--seed", "7"]
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(command, env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_process_and_server_is_back_after_sigkill(report: dict[str, Any]) -> None:
    children = {f"{name}{CHILD}" for name in FORKING}
    assert report["kills"] > len(PROCESSES) + len(children) + len(SERVERS)
    assert set(report["seconds"]) == {*PROCESSES, *children, *SERVERS, "supervisor"}


def test_every_order_ends_once_and_both_books_agree(report: dict[str, Any]) -> None:
    assert (report["ok"], report["still_moving"]) == (True, [])
    assert set(report["orders"]["statuses"]) <= {"200", "201"}
    assert all(verdict["ok"] for verdict in report["invariants"].values())


def test_nobody_dies_but_who_was_killed(report: dict[str, Any]) -> None:
    assert report["invariants"]["nobody died but who was killed"]["ok"]
