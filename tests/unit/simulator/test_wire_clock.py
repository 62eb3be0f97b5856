"""When executions went out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from brokers.simulator.wire_clock import WireClock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def facts(*ids: str) -> list[Any]:
    return [SimpleNamespace(exec_id=exec_id) for exec_id in ids]


def test_an_execution_keeps_the_time_of_its_first_turn() -> None:
    clock = WireClock()
    clock.record(facts("a"), NOON)
    clock.record(facts("a", "b", "c"), NOON + timedelta(seconds=1))
    assert clock.sent_at("a") == NOON
    assert clock.sent_at("b") == clock.sent_at("c") == NOON + timedelta(seconds=1)


def test_an_execution_of_an_earlier_run_has_none() -> None:
    assert WireClock().sent_at("a") is None


def test_what_an_earlier_process_sent_has_no_time() -> None:
    earlier = facts("a")
    clock = WireClock(earlier)
    clock.record(facts("a", "b"), NOON)
    assert (clock.sent_at("a"), clock.sent_at("b")) == (None, NOON)
