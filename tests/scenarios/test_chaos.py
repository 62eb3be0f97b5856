"""Short chaos of several seeds: whatever dies, both books tell the same story afterwards."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tradedesk.chaos.invariants import INVARIANTS
from tradedesk.env import BASE_DIR
from tradedesk.stack.processes import MANAGE

ORDERS, FAULTS, GAP = 200, 40, 0.6
SEEDS = (61, 62, 63)
#: Servers of the test run; chaos has its own.
OURS = ("DATABASE_URL", "REDIS_URL", "PGOPTIONS", "TRADEDESK_DATA")
pytestmark = pytest.mark.timeout(1200)


def chaos(seed: int) -> subprocess.CompletedProcess[str]:
    numbers = ("--orders", ORDERS, "--faults", FAULTS, "--seed", seed, "--gap", GAP)
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    argv = [*MANAGE, "chaos", *map(str, numbers)]
    return subprocess.run(argv, env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished() -> dict[int, subprocess.CompletedProcess[str]]:
    """All seeds at the same time: a run mostly waits, and a busy machine is one fault more."""
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        return dict(zip(SEEDS, pool.map(chaos, SEEDS), strict=True))


@pytest.fixture(params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def done(
    finished: dict[int, subprocess.CompletedProcess[str]], seed: int
) -> subprocess.CompletedProcess[str]:
    return finished[seed]


@pytest.fixture
def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_invariant_holds(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_orders_are_sent_and_all_faults_made(report: dict[str, Any], seed: int) -> None:
    assert (report["seed"], report["faults"]["made"]) == (seed, FAULTS)
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
