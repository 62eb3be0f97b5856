"""Figures of a measurement: spreads of times, and how several runs differ."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}

Document = dict[str, Any]


def spread(seconds: Iterable[float]) -> Document:
    """Milliseconds at p50, p90, p99 and p99.9 (nearest rank), with count, least and most."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0}
    found = {name: ms(ordered[rank(quantile, len(ordered))]) for name, quantile in QUANTILES.items()}
    return {"count": len(ordered), "min": ms(ordered[0]), **found, "max": ms(ordered[-1])}


def rank(quantile: float, count: int) -> int:
    """The index of the nearest rank: the least value that this share of all does not exceed."""
    return max(0, -int(-quantile * count // 1) - 1)


def ms(seconds: float) -> float:
    """Milliseconds with microseconds."""
    return round(seconds * 1000, 3)


def per_second(count: int, seconds: float) -> float:
    """A rate."""
    return round(count / seconds, 1) if seconds > 0 else 0.0


def over_runs(runs: Sequence[Document]) -> Document:
    """The same document with median, least and most of every number in place of the number."""
    return {key: fold([run.get(key) for run in runs]) for key in runs[0]}


def fold(values: Sequence[Any]) -> Any:
    """One value of all runs: numbers become a spread, documents are folded field by field."""
    first = values[0]
    if isinstance(first, dict):
        return over_runs([value if isinstance(value, dict) else {} for value in values])
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return first if all(value == first for value in values) else list(values)
    return {"median": round(statistics.median(numbers), 3), "min": min(numbers), "max": max(numbers)}
