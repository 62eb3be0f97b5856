"""A short chaos: whatever dies, both books tell the same story afterwards.

More seeds: tests/soak/test_many_chaos_seeds.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stack.chaos import FAULTS, ORDERS, SEEDS, SHORT, Done, chaos_together
from tradedesk.chaos.invariants import INVARIANTS

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def finished() -> dict[int, Done]:
    return chaos_together(SEEDS, at_once=len(SEEDS), shorter=SHORT)


@pytest.fixture(params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def done(finished: dict[int, Done], seed: int) -> Done:
    return finished[seed]


@pytest.fixture
def report(done: Done) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_invariant_holds(done: Done) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_orders_are_sent_and_all_faults_made(report: dict[str, Any], seed: int) -> None:
    assert (report["seed"], report["faults"]["made"]) == (seed, FAULTS // SHORT)
    assert sum(report["orders"]["answers"].values()) == ORDERS // SHORT
    assert sum(report["orders"]["states"].values()) == ORDERS // SHORT


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
