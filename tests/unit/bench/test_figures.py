"""Figures of a measurement."""

from __future__ import annotations

from tradedesk.bench.figures import fold, over_runs, spread


def test_a_quantile_is_a_time_that_was_measured() -> None:
    found = spread(number / 1000 for number in range(1, 101))
    assert (found["p50"], found["p90"], found["p99"], found["p99.9"]) == (50.0, 90.0, 99.0, 100.0)
    assert (found["count"], found["min"], found["max"]) == (100, 1.0, 100.0)


def test_one_time_is_all_its_quantiles() -> None:
    assert {spread([0.002])[name] for name in ("min", "p50", "p99.9", "max")} == {2.0}


def test_nothing_measured_has_no_times() -> None:
    assert spread([]) == {"count": 0}


def test_several_runs_are_reported_by_median_and_range() -> None:
    runs = [{"a": {"p50": value}, "kind": "x"} for value in (3.0, 1.0, 2.0)]
    assert over_runs(runs) == {"a": {"p50": {"median": 2.0, "min": 1.0, "max": 3.0}}, "kind": "x"}


def test_what_is_no_number_is_listed_when_it_differs() -> None:
    assert fold(["a", "b"]) == ["a", "b"]
    assert fold([True, True]) is True
