"""What is aimed at on two cores, and how far a measurement is from it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tradedesk.bench.figures import Document

RATE = "at_20_per_second"
PROCESSOR = ("processor_ms_per_order", "all")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure of a run's document, by its path, and what it should be: milliseconds, a rate or percent."""

    title: str
    path: tuple[str, ...]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def name(self) -> str:
        """The path as a key."""
        return ".".join(self.path)

    def distance(self, runs: Sequence[Document]) -> Document:
        """Median and range of the runs beside the target; `times` above 1 is how far it is missed."""
        figures = [float(self._of(run)) for run in runs]
        measured = statistics.median(figures)
        if self.at_most is not None:
            target, times = self.at_most, measured / self.at_most
        else:
            target = self.at_least or 0.0
            times = target / max(measured, 0.001)
        spread = {"median": round(measured, 3), "least": min(figures), "most": max(figures)}
        return {"target": target, **spread, "met": times <= 1, "times": round(times, 2)}

    def _of(self, run: Any) -> Any:
        for name in self.path:
            run = run[name]
        return run


TARGETS = {
    "latency": (
        Target(
            title="POST to 201 at 20/s, p50: parts of a bare DRF POST",
            path=("post_to_answer_p50_to_floor", RATE),
            at_most=1.4,
        ),
        Target(
            title="POST to wire at 20/s, p50: parts of the floors' sum",
            path=("post_to_wire_p50_to_floor", RATE),
            at_most=0.9,
        ),
        Target(
            title="POST to wire at 20/s, p99: parts of p50",
            path=("post_to_wire_p99_to_p50", RATE),
            at_most=2,
        ),
        Target(title="fill sent to stored, p50 ms", path=(RATE, "fill_to_stored_ms", "p50"), at_most=3),
        Target(
            title="fill sent to heard on the stream, p50 ms",
            path=(RATE, "fill_to_stream_ms", "p50"),
            at_most=5,
        ),
        Target(
            title="fill sent to heard on the stream, p99 ms",
            path=(RATE, "fill_to_stream_ms", "p99"),
            at_most=10,
        ),
    ),
    "throughput": (
        Target(title="whole lives a second, single", path=("single", "completed_per_second"), at_least=450),
        Target(
            title="whole lives a second, 50 to a POST", path=("bulk", "completed_per_second"), at_least=650
        ),
        Target(
            title="processor of everything, ms an order, single", path=("single", *PROCESSOR), at_most=3.6
        ),
        Target(title="processor of everything, ms an order, bulk", path=("bulk", *PROCESSOR), at_most=2.8),
    ),
    "growth": (
        Target(
            title="POST to 201, percent more over 10 million orders",
            path=("p50_change_percent", "post_to_answer_ms"),
            at_most=10,
        ),
        Target(
            title="POST to wire, percent more over 10 million orders",
            path=("p50_change_percent", "post_to_wire_ms"),
            at_most=10,
        ),
        Target(
            title="fill to stored, percent more over 10 million orders",
            path=("p50_change_percent", "fill_to_stored_ms"),
            at_most=10,
        ),
    ),
}


def against_targets(kind: str, runs: Sequence[Document]) -> Document:
    """How far each figure that has a target is from it, by its path."""
    return {target.name: target.distance(runs) for target in TARGETS.get(kind, ())}
