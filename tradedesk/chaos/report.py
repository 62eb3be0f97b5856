"""The one JSON document that a run prints. Times are UTC, durations in seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tradedesk.chaos.evidence import Evidence
from tradedesk.chaos.ground import Ground
from tradedesk.chaos.injector import MadeFault
from tradedesk.chaos.invariants import Violation
from tradedesk.chaos.plan import Plan
from tradedesk.demo.summary import percentile

Document = dict[str, Any]
MAX_SHOWN = 20  # violations of one invariant; all are counted


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run that is over. `moving` is what had not come to rest in time."""

    plan: Plan
    made: Sequence[MadeFault]
    evidence: Evidence
    violations: dict[str, list[Violation]]
    moving: Sequence[str]
    sent_at: Sequence[datetime]
    durations: dict[str, float]
    repeats: Counter[str]

    @property
    def ok(self) -> bool:
        """Whether all came to rest and every invariant holds."""
        return not self.moving and not any(self.violations.values())


def document(outcome: Outcome, ground: Ground) -> Document:
    """The whole report."""
    return {
        "ok": outcome.ok,
        "seed": outcome.plan.seed,
        "orders": orders(outcome.evidence),
        "faults": {
            "made": len(outcome.made),
            "by_kind": counted(made.planned.kind for made in outcome.made),
            "ended_by_themselves": dict(sorted(ground.ended.items())),
            "killed_because_they_did_not_stop": dict(sorted(ground.stubborn.items())),
        },
        "requests_repeated": dict(sorted(outcome.repeats.items())),
        "invariants": {name: verdict(found) for name, found in outcome.violations.items()},
        "still_moving": list(outcome.moving)[:MAX_SHOWN],
        "time_to_recover": recovery(outcome.made, outcome.sent_at),
        "durations": {name: round(value, 1) for name, value in outcome.durations.items()},
    }


def campaign(runs: Sequence[Document]) -> Document:
    """Several seeds in one document: whether all went well, sums, and each run as it is."""
    kinds: Counter[str] = Counter()
    against: Counter[str] = Counter(dict.fromkeys(runs[0]["invariants"], 0))
    for report in runs:
        kinds.update(report["faults"]["by_kind"])
        against.update({name: found["violations"] for name, found in report["invariants"].items()})
    return {
        "ok": all(report["ok"] for report in runs),
        "seeds": [report["seed"] for report in runs],
        "orders": sum(report["orders"]["planned"] for report in runs),
        "faults": {"made": kinds.total(), "by_kind": dict(sorted(kinds.items()))},
        "violations": dict(against),
        "runs": list(runs),
    }


def orders(evidence: Evidence) -> Document:
    """How the orders were answered and what became of them."""
    answers = evidence.answers
    rows = [row for row in evidence.orders.values() if row.source != "EXTERNAL"]
    return {
        "planned": len(answers),
        "answers": counted(str(answer.status) for answer in answers),
        "replace_answers": counted(str(a.replace_status) for a in answers if a.replace_status is not None),
        "cancel_answers": counted(str(a.cancel_status) for a in answers if a.cancel_status is not None),
        "states": counted(row.state for row in rows),
        "reasons": counted(row.reason_code for row in rows if row.reason_code),
        "held_for_desk": counted(row.held_because for row in rows if row.held_for_desk),
        "executions": len(evidence.executions),
        "placed_more_than_once_and_recognised": sum(row["place_count"] > 1 for row in evidence.ledger_orders),
    }


def verdict(found: Sequence[Violation]) -> Document:
    """One invariant: whether it held, and the evidence when not."""
    return {"ok": not found, "violations": len(found), "evidence": list(found)[:MAX_SHOWN]}


def recovery(made: Iterable[MadeFault], sent_at: Sequence[datetime]) -> Document:
    """From each fault healed to the next order sent, by kind; faults after the last order tell nothing.

    `alone` leaves out the faults that another one overlapped before trading went on.
    """
    faults = list(made)
    every: defaultdict[str, list[float]] = defaultdict(list)
    alone: defaultdict[str, list[float]] = defaultdict(list)
    for fault in faults:
        index = bisect_right(sent_at, fault.healed_at)
        if index == len(sent_at):
            continue
        took = (sent_at[index] - fault.healed_at).total_seconds()
        every[fault.planned.kind].append(took)
        if not any(overlaps(other, fault, sent_at[index]) for other in faults):
            alone[fault.planned.kind].append(took)
    return {kind: {**spread(took), "alone": spread(alone[kind])} for kind, took in sorted(every.items())}


def overlaps(other: MadeFault, fault: MadeFault, until: datetime) -> bool:
    """Whether another fault was there between the beginning of this one and the end of its recovery."""
    return other is not fault and other.began_at < until and other.healed_at > fault.began_at


def spread(values: Sequence[float]) -> Document:
    """Count, p50 and p99 in seconds."""
    if not values:
        return {"count": 0}
    return {
        "count": len(values),
        "p50": round(percentile(values, 0.5), 3),
        "p99": round(percentile(values, 0.99), 3),
    }


def counted(words: Iterable[str]) -> dict[str, int]:
    """How often each word comes, in alphabetical order."""
    return dict(sorted(Counter(words).items()))
