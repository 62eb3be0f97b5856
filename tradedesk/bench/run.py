"""One benchmark: its system, its runs, and the one document that it prints."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tradedesk.bench.figures import Document, over_runs
from tradedesk.bench.ground import UNPACED, Ground, Say, prepared
from tradedesk.bench.machine import machine, versions
from tradedesk.bench.throughput import throughput


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be measured: how much of it, how often, and with how many sessions."""

    kind: str
    orders: int
    runs: int = 1
    sessions: int = 1


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of benchmark: messages a second that the broker is given (None: the default), and how."""

    measure: Callable[[Ground, Wanted], Document]
    orders: int
    pacing: int | None = None


KINDS = {
    "throughput": Kind(
        measure=lambda ground, wanted: throughput(ground, orders=wanted.orders), orders=3000, pacing=UNPACED
    ),
}


def run(folder: Path, wanted: Wanted, say: Say) -> Document:
    """Measure each run on a fresh system in `folder`; the document with all of them, and over them."""
    kind, runs = KINDS[wanted.kind], []
    document: Document = {"bench": wanted.kind, "at": datetime.now(UTC).isoformat(), "machine": machine()}
    for number in range(1, wanted.runs + 1):
        say(f"Run {number} of {wanted.runs}: starting a system ...")
        place = folder / f"run{number}"
        with prepared(place, sessions=wanted.sessions, pacing=kind.pacing) as ground:
            say("Measuring ...")
            document["versions"] = versions(ground.system)
            runs.append(kind.measure(ground, wanted))
        shutil.rmtree(place, ignore_errors=True)
    document["runs"] = runs
    return document | ({"over_runs": over_runs(runs)} if len(runs) > 1 else {})
