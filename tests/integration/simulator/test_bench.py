"""The benchmark of the simulated gateway runs and says what it promises."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.integration.simulator.process import LIMIT


@pytest.fixture(scope="module")
def report() -> dict[str, dict[str, object]]:
    sizes = ["--orders", "60", "--rounds", "1", "--resting", "0,200", "--samples", "20"]
    run = subprocess.run(
        [sys.executable, "-m", "brokers.simulator.bench", *sizes],
        capture_output=True,
        timeout=3 * LIMIT,
        check=True,
    )
    document: dict[str, dict[str, object]] = json.loads(run.stdout)
    return document


def test_every_order_of_the_speed_part_was_filled(report: dict[str, dict[str, object]]) -> None:
    speed = report["speed"]
    assert speed["orders"] == 60
    assert float(str(speed["filled_per_second"])) > 0
    assert 0 < float(str(speed["share_of_echo"])) < 1
    assert int(str(speed["gateway_cpu_us_per_order"])) >= 0


def test_growth_measures_every_step_and_after_a_restart(report: dict[str, dict[str, object]]) -> None:
    growth = report["growth"]
    assert [step["resting"] for step in growth["steps"]] == [0, 200]  # type: ignore[attr-defined]
    assert set(growth["slowdown_p50"]) == {"place", "cancel", "match"}  # type: ignore[call-overload]
    assert growth["after_restart"]["open_orders"] == 200  # type: ignore[index]


def test_the_machine_is_named_so_that_figures_can_be_compared(report: dict[str, dict[str, object]]) -> None:
    assert {"processor", "cores", "python", "load_before"} <= set(report["machine"])
