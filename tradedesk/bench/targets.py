"""What is aimed at on two cores, and how far a measurement is from it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tradedesk.bench.figures import Document

RATE = "at_20_per_second"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure of a run's document, by its path, and what it should be: milliseconds, a rate or percent."""

    path: tuple[str, ...]
    at_most: float | None = None
    at_least: float | None = None

    def distance(self, runs: Sequence[Document]) -> Document:
        """The median of the runs beside the target; `times` above 1 is how often the target is missed by."""
        measured = statistics.median(float(self._of(run)) for run in runs)
        if self.at_most is not None:
            target, times = self.at_most, measured / self.at_most
        else:
            target = self.at_least or 0.0
            times = target / max(measured, 0.001)
        return {"target": target, "median": round(measured, 3), "met": times <= 1, "times": round(times, 2)}

    def _of(self, run: Any) -> Any:
        for name in self.path:
            run = run[name]
        return run


TARGETS = {
    "latency": (
        Target(path=("post_to_answer_p50_to_floor", RATE), at_most=1.4),
        Target(path=("post_to_wire_p50_to_floor", RATE), at_most=0.9),
        Target(path=("post_to_wire_p99_to_p50", RATE), at_most=2),
        Target(path=(RATE, "fill_to_stored_ms", "p50"), at_most=3),
        Target(path=(RATE, "fill_to_stream_ms", "p50"), at_most=5),
        Target(path=(RATE, "fill_to_stream_ms", "p99"), at_most=10),
    ),
    "throughput": (
        Target(path=("single", "completed_per_second"), at_least=450),
        Target(path=("bulk", "completed_per_second"), at_least=650),
    ),
    "growth": (
        Target(path=("p50_change_percent", "post_to_answer_ms"), at_most=10),
        Target(path=("p50_change_percent", "post_to_wire_ms"), at_most=10),
        Target(path=("p50_change_percent", "fill_to_stored_ms"), at_most=10),
    ),
}


def against_targets(kind: str, runs: Sequence[Document]) -> Document:
    """How far each figure that has a target is from it, by its path."""
    return {".".join(target.path): target.distance(runs) for target in TARGETS.get(kind, ())}
