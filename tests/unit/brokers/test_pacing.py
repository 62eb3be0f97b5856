"""What may go out: all that the gateway takes, in a burst too, and never more."""

from __future__ import annotations

import pytest

from brokers.gate.pacing import CANCELS_EXPECTED, OWN, WINDOW, Pacer, Share

PER_SECOND = 50


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacer(clock: Clock) -> Pacer:
    return Pacer(PER_SECOND, 5, clock)


def send(pacer: Pacer, most: int, share: Share = Share.ORDERS) -> int:
    granted = pacer.take(most, share)
    pacer.went(granted, granted)
    return granted


def test_an_idle_gateway_takes_forty_orders_at_once(pacer: Pacer) -> None:
    assert pacer.take(40) == 40


def test_never_more_than_the_gateway_takes_in_any_second(pacer: Pacer, clock: Clock) -> None:
    sent: list[float] = []
    for step in range(400):
        clock.now = 100 + step * 0.013
        for share in (Share.ORDERS, Share.OWN):
            asked = 3 if share is Share.ORDERS else step % 2
            sent += [clock.now] * (
                send(pacer, asked) if share is Share.ORDERS else asked and pacer.one_of_own()
            )
    assert max(sum(at <= other < at + 1.0 for other in sent) for at in sent) == PER_SECOND


def test_what_the_connection_says_by_itself_always_finds_room(pacer: Pacer) -> None:
    assert pacer.take(1_000) == PER_SECOND - OWN
    assert [pacer.one_of_own() for _ in range(OWN + 1)] == [True] * OWN + [False]


def test_orders_leave_room_for_cancels_only_while_there_are_any(pacer: Pacer, clock: Clock) -> None:
    assert pacer.room() == PER_SECOND - OWN
    send(pacer, 1, Share.CANCELS)
    assert send(pacer, 1_000) == PER_SECOND - 1 - 5
    assert send(pacer, 1_000, Share.CANCELS) == 5 - OWN
    clock.now += CANCELS_EXPECTED
    assert pacer.room() == PER_SECOND - OWN


def test_what_did_not_go_out_is_given_back(pacer: Pacer) -> None:
    pacer.went(pacer.take(30), 0)
    assert pacer.room() == PER_SECOND - OWN


def test_a_burst_counts_from_when_it_went_out_however_slow_the_claim(pacer: Pacer, clock: Clock) -> None:
    granted = pacer.take(1_000)
    clock.now += 2 * WINDOW
    assert pacer.one_of_own()
    assert pacer.room(Share.OWN) == OWN - 1
    pacer.went(granted, granted)
    assert pacer.room() == 0
    clock.now += WINDOW - 0.01
    assert pacer.room(Share.OWN) < PER_SECOND - OWN


def test_the_wait_ends_when_the_oldest_leaves_the_window(pacer: Pacer, clock: Clock) -> None:
    assert pacer.wait() == 0.0
    send(pacer, 1_000)
    clock.now += 0.4
    assert pacer.wait() == pytest.approx(WINDOW - 0.4)


def test_the_slowest_pace_still_lets_orders_out_beside_cancels(clock: Clock) -> None:
    slow = Pacer(2, 1, clock)
    send(slow, 1, Share.CANCELS)
    clock.now += WINDOW
    assert slow.take(5) == 1
