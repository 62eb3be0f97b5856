"""Time to recover: from healed to the next order sent, and which of these no other fault disturbed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tradedesk.chaos import drills
from tradedesk.chaos.injector import MadeFault
from tradedesk.chaos.plan import PlannedFault
from tradedesk.chaos.report import Document, campaign, recovery

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fault(kind: str, began: float, healed: float) -> MadeFault:
    planned = PlannedFault(at=began, kind=kind, pauses=(healed - began,), fields={})
    return MadeFault(planned=planned, began_at=at(began), healed_at=at(healed))


def test_it_is_measured_to_the_next_order_sent() -> None:
    found = recovery([fault("kill_web", 1, 2)], [at(1.5), at(4.5), at(9)])
    took = {"count": 1, "p50": 2.5, "p99": 2.5}
    assert found == {"kill_web": {**took, "alone": took}}


def test_a_fault_that_another_one_overlapped_was_not_alone() -> None:
    found = recovery([fault("kill_web", 1, 2), fault("kill_redis", 3, 5)], [at(6)])
    assert found["kill_web"]["alone"] == {"count": 0}


def test_a_fault_after_the_last_order_tells_nothing() -> None:
    assert recovery([fault("kill_web", 1, 2)], [at(1)]) == {}


def one_run(seed: int, violations: int) -> Document:
    found = {"every request is answered": {"ok": not violations, "violations": violations, "evidence": []}}
    faults = {"made": 2, "by_kind": {"kill_web": 2}}
    return {
        "ok": not violations,
        "seed": seed,
        "orders": {"planned": 5},
        "faults": faults,
        "invariants": found,
    }


def test_a_campaign_is_only_as_good_as_its_worst_run() -> None:
    found = campaign([one_run(1, 0), one_run(2, 3)])
    assert (found["ok"], found["seeds"], found["orders"]) == (False, [1, 2], 10)
    assert found["faults"] == {"made": 4, "by_kind": {"kill_web": 4}}
    assert found["violations"] == {"every request is answered": 3}


def test_a_drill_is_within_its_target_only_when_its_longest_is() -> None:
    assert drills.spread([1.0, 2.0, 4.0], 3.0) == {
        **{"count": 3, "p50": 2.0, "p99": 4.0, "max": 4.0},
        **{"target": 3.0, "within": False},
    }
