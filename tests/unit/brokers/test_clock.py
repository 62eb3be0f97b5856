"""Clocks: one told in whole seconds is known better from several answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from brokers.postgres.clock import WholeSeconds

START = datetime(2026, 11, 27, 12, tzinfo=UTC)


def ask(watch: WholeSeconds, ahead: float, at: float, delay: float = 0.01) -> None:
    """One answer of a clock so far ahead; it is read half-way between question and answer."""
    asked = START + timedelta(seconds=at)
    read = asked + timedelta(seconds=ahead + delay / 2)
    watch.answered(int(read.timestamp()), asked, asked + timedelta(seconds=delay))


@given(ahead=st.floats(-60, 60), pauses=st.lists(st.floats(0.5, 2.5), min_size=5, max_size=60))
def test_a_clock_is_never_said_to_be_further_off_than_it_is(ahead: float, pauses: list[float]) -> None:
    watch, at = WholeSeconds(), 0.0
    for pause in pauses:
        at += pause
        ask(watch, ahead, at)
    assert abs(watch.ahead) <= abs(ahead) + 1e-5
    assert abs(watch.ahead - ahead) <= 1.02


def test_a_clock_that_is_set_is_measured_anew() -> None:
    watch = WholeSeconds()
    for at in range(10):
        ask(watch, 30.0, at * 1.3)
    ask(watch, 0.0, 20.0)
    assert watch.ahead == 0.0


def test_a_clock_that_was_never_told_may_be_right() -> None:
    assert WholeSeconds().ahead == 0.0
