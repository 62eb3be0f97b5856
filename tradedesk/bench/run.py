"""One benchmark: its system, its runs, and the one document that it prints."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tradedesk.bench.audited import audit_cost
from tradedesk.bench.figures import Document, over_runs
from tradedesk.bench.floors.floor import floor
from tradedesk.bench.ground import UNPACED, Ground, MeasuredSystem, Say, prepared
from tradedesk.bench.history.growth import ACCOUNTS, growth
from tradedesk.bench.latency import latency
from tradedesk.bench.limited import limits_cost
from tradedesk.bench.machine import machine, versions
from tradedesk.bench.memory import memory
from tradedesk.bench.path.measure import ProfiledSystem, path
from tradedesk.bench.spike import PACING, spike
from tradedesk.bench.streams import streams
from tradedesk.bench.targets import against_targets
from tradedesk.bench.throughput import left_behind, throughput


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be measured: how much of it, how often, and with how many sessions."""

    kind: str
    orders: int
    runs: int = 1
    sessions: int = 1
    levels: tuple[int, ...] = (0, 1_000_000, 10_000_000)  # orders stored, for growth
    readers: int = 500  # for streams
    functions: bool = False  # for path: name them all
    limits: bool = False  # for latency: what limits on use add
    audit: bool = False  # for latency: what the audit adds


@dataclass(frozen=True, kw_only=True)
class BenchKind:
    """One kind of benchmark: messages a second that the broker is given (None: the default), and how."""

    measure: Callable[[Ground, Wanted, Say], Document]
    orders: int
    accounts: int = 1
    pacing: int | None = None
    system: type[MeasuredSystem] = MeasuredSystem


def latency_with_floor(ground: Ground, wanted: Wanted, say: Say) -> Document:
    """Latency, the floor of the same run, and how far we are above it."""
    ours, bare = latency(ground, orders=wanted.orders), floor(ground, count=wanted.orders)
    limits = {"limits": limits_cost(ground, orders=wanted.orders)} if wanted.limits else {}
    audit = {"audit": audit_cost(ground, orders=wanted.orders)} if wanted.audit else {}
    return {
        **ours,
        **limits,
        **audit,
        "floor": bare,
        "post_to_answer_p50_to_floor": times(ours, "post_to_answer_ms", bare["drf_post_ms"]["p50"]),
        "post_to_wire_p50_to_floor": times(ours, "post_to_wire_ms", bare["sum_of_p50_ms"]),
        "post_to_wire_p99_to_p50": {
            name: round(each["post_to_wire_ms"]["p99"] / each["post_to_wire_ms"]["p50"], 2)
            for name, each in ours.items()
        },
        "left_behind": left_behind(ground),
    }


def times(ours: Document, what: str, floor_ms: float) -> Document:
    """Our medians as multiples of a floor of the same run."""
    return {name: round(each[what]["p50"] / floor_ms, 2) for name, each in ours.items()}


KINDS = {
    "latency": BenchKind(measure=latency_with_floor, orders=300, pacing=UNPACED),
    "throughput": BenchKind(
        measure=lambda ground, wanted, say: throughput(ground, orders=wanted.orders),
        orders=3000,
        pacing=UNPACED,
    ),
    "spike": BenchKind(
        measure=lambda ground, wanted, say: spike(ground, orders=wanted.orders), orders=10_000, pacing=PACING
    ),
    "growth": BenchKind(
        measure=lambda ground, wanted, say: growth(
            ground, orders=wanted.orders, levels=wanted.levels, say=say
        ),
        orders=200,
        accounts=ACCOUNTS,
    ),
    "streams": BenchKind(
        measure=lambda ground, wanted, say: streams(ground, readers=wanted.readers, orders=wanted.orders),
        orders=200,
    ),
    "memory": BenchKind(
        measure=lambda ground, wanted, say: memory(ground, orders=wanted.orders, say=say),
        orders=20_000,
        pacing=UNPACED,
    ),
    "path": BenchKind(
        measure=lambda ground, wanted, say: path(ground, orders=wanted.orders, functions=wanted.functions),
        orders=12,
        system=ProfiledSystem,
    ),
}


def run(folder: Path, wanted: Wanted, say: Say) -> Document:
    """Measure each run on a fresh system in `folder`; the document with all of them, and over them."""
    kind, runs = KINDS[wanted.kind], []
    document: Document = {"bench": wanted.kind, "at": datetime.now(UTC).isoformat(), "machine": machine()}
    for number in range(1, wanted.runs + 1):
        say(f"Run {number} of {wanted.runs}: starting a system ...")
        place = folder / f"run{number}"
        with prepared(
            place,
            sessions=wanted.sessions,
            accounts=max(kind.accounts, 2 if wanted.limits else 1),
            pacing=kind.pacing,
            system=kind.system,
        ) as ground:
            say("Measuring ...")
            document["versions"] = versions(ground.system)
            runs.append(kind.measure(ground, wanted, say))
        shutil.rmtree(place, ignore_errors=True)
    document["targets"] = against_targets(wanted.kind, runs)
    document["runs"] = runs
    return document | ({"over_runs": over_runs(runs)} if len(runs) > 1 else {})
