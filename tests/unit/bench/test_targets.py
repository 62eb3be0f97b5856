"""Distances of a measurement from its targets."""

from __future__ import annotations

from tradedesk.bench.targets import TARGETS, Target, against_targets


def test_a_figure_below_its_limit_meets_the_target() -> None:
    target = Target(title="a time", path=("single", "ms"), at_most=8)
    found = target.distance([{"single": {"ms": ms}} for ms in (4.0, 100.0, 6.0)])
    assert found == {
        "target": 8,
        "median": 6.0,
        "least": 4.0,
        "most": 100.0,
        "met": True,
        "times": 0.75,
    }


def test_a_rate_below_its_target_misses_it_by_so_many_times() -> None:
    target = Target(title="a time", path=("per_second",), at_least=400)
    assert target.distance([{"per_second": 200.0}]) == {
        "target": 400,
        "median": 200.0,
        "least": 200.0,
        "most": 200.0,
        "met": False,
        "times": 2.0,
    }


def test_every_target_is_named_by_its_path() -> None:
    figures = {"completed_per_second": 500.0, "processor_ms_per_order": {"all": 3.7}}
    run = {"single": figures, "bulk": figures}
    found = against_targets("throughput", [run])
    assert [name for name, row in found.items() if row["met"]] == ["single.completed_per_second"]
    assert len(found) == len(TARGETS["throughput"])
    assert against_targets("spike", [run]) == {}
