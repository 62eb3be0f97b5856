"""The breaker: closed, open, half-open, by unanswered orders and answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.gate.breaker import Breaker, BreakerState


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(threshold=3, cool_down=10, clock=clock)


def opened(breaker: Breaker) -> Breaker:
    breaker.unanswered(3)
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_it_opens_at_the_threshold_and_lets_nothing_out(breaker: Breaker) -> None:
    breaker.unanswered(2)
    assert breaker.room(50) == 50
    breaker.unanswered(1)
    assert (breaker.state, breaker.room(50)) == (BreakerState.OPEN, 0)


def test_an_answer_in_between_starts_the_count_again(breaker: Breaker) -> None:
    breaker.unanswered(2)
    breaker.answered()
    breaker.unanswered(2)
    assert breaker.state is BreakerState.CLOSED


def test_after_the_cool_down_one_order_goes_out_as_a_probe(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now = 10
    assert (breaker.state, breaker.room(50)) == (BreakerState.HALF_OPEN, 1)
    breaker.sent(1)
    assert breaker.room(50) == 0


def test_an_answered_probe_closes_it(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now = 10
    breaker.room(1)
    breaker.sent(1)
    breaker.answered()
    assert (breaker.state, breaker.room(50)) == (BreakerState.CLOSED, 50)


def test_an_unanswered_probe_opens_it_for_another_cool_down(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now = 10
    assert breaker.room(5) == 1
    breaker.sent(1)
    breaker.unanswered(1)
    assert breaker.state is BreakerState.OPEN
    clock.now = 19.9
    assert breaker.room(5) == 0
    clock.now = 20
    assert breaker.room(5) == 1


def test_a_whole_snapshot_allows_the_probe_after_refused_connections(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.connection_failed()
    assert (breaker.state, breaker.room(50)) == (BreakerState.OPEN, 0)
    breaker.reconciled()
    assert (breaker.state, breaker.room(50)) == (BreakerState.HALF_OPEN, 1)
    breaker.answered()
    assert breaker.state is BreakerState.CLOSED


def test_a_snapshot_does_not_excuse_orders_that_were_not_answered(breaker: Breaker) -> None:
    opened(breaker).reconciled()
    assert (breaker.state, breaker.room(50)) == (BreakerState.OPEN, 0)


def test_a_connection_lost_now_and_then_does_not_add_up(breaker: Breaker) -> None:
    for _ in range(10):
        breaker.connection_failed()
        breaker.reconciled()
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_ends_without_a_word_is_followed_by_another(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now = 10
    breaker.sent(breaker.room(1))
    assert breaker.room(1) == 0
    clock.now = 20
    assert breaker.room(1) == 1


@given(st.lists(st.sampled_from(["room", "lost", "answer", "wait"]), max_size=60))
def test_never_more_than_one_probe_goes_out_in_a_cool_down(steps: list[str]) -> None:
    clock = Clock()
    breaker = Breaker(threshold=2, cool_down=1, clock=clock)
    probes = 0
    for step in steps:
        was = breaker.state
        if step == "room":
            count = breaker.room(10)
            breaker.sent(count)
            probes = probes + count if was is BreakerState.HALF_OPEN else 0
        elif step == "wait":
            clock.now += 1
            probes = 0
        else:
            breaker.unanswered(1) if step == "lost" else breaker.answered()
            probes = 0
        assert probes <= 1
