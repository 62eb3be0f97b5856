"""A thread says that it lives, also where it waits for another."""

from __future__ import annotations

from threading import Event

from brokers.threads import RestartableThread, beat_here


def test_whoever_waits_long_for_another_thread_says_that_it_lives() -> None:
    may_go, beaten = Event(), list[float]()

    def work() -> None:
        may_go.wait(60)
        thread.beat_at = 0.0
        beat_here()
        beaten.append(thread.beat_at)

    thread = RestartableThread("one", work)
    thread.start()
    beat_here()  # on another thread than that
    may_go.set()
    thread.join(60)
    assert beaten > [0.0]
