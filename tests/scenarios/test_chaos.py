"""A short chaos: whatever dies, both books tell the same story afterwards."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tradedesk.chaos.invariants import INVARIANTS
from tradedesk.env import BASE_DIR
from tradedesk.stack.processes import MANAGE

ORDERS, FAULTS, SEED = 60, 12, 31  # a seed with faults of every group
#: Servers of the test run; chaos has its own.
OURS = ("DATABASE_URL", "REDIS_URL", "PGOPTIONS", "TRADEDESK_DATA")


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    numbers = ("--orders", str(ORDERS), "--faults", str(FAULTS), "--seed", str(SEED))
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.run(
        [*MANAGE, "chaos", *numbers], env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )


@pytest.fixture
def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_invariant_holds(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_orders_are_sent_and_all_faults_made(report: dict[str, Any]) -> None:
    assert (report["seed"], report["faults"]["made"]) == (SEED, FAULTS)
    assert sum(report["orders"]["answers"].values()) == ORDERS
    assert sum(report["orders"]["states"].values()) == ORDERS


def test_the_report_names_every_invariant(report: dict[str, Any]) -> None:
    assert {name: verdict["ok"] for name, verdict in report["invariants"].items()} == dict.fromkeys(
        INVARIANTS, True
    )
    assert report["still_moving"] == []


def test_the_report_says_how_long_recovery_took(report: dict[str, Any]) -> None:
    assert set(report["time_to_recover"]) <= set(report["faults"]["by_kind"])
    assert all(took["p50"] <= took["p99"] for took in report["time_to_recover"].values())
    assert report["durations"].keys() >= {"start", "chaos", "healing", "quiet", "comparison"}


def test_a_chaos_that_went_well_leaves_nothing_behind(report: dict[str, Any]) -> None:
    assert "folder" not in report
