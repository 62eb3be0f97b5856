"""The wake: a ring reaches the session's worker at once, and Celery's doorbell follows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orders.notify import wakeup
from orders.session.wakeup_listener import WakeListener
from tradedesk.stack.polling import eventually

SESSION = "wake-test"


@pytest.fixture(autouse=True)
def celery_rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sessions that Celery's doorbell rang for; these have no queue."""
    rung: list[str] = []
    monkeypatch.setattr(wakeup, "ring_celery", rung.append)
    return rung


@pytest.fixture
def woken() -> Iterator[threading.Semaphore]:
    """Released once for each wake of a listener that runs."""
    count, stopping = threading.Semaphore(0), threading.Event()
    thread = threading.Thread(target=WakeListener(SESSION, lambda about: count.release(), stopping).run)
    thread.start()
    assert count.acquire(timeout=60)  # the look when it began to listen
    yield count
    stopping.set()
    thread.join(30)


def test_a_ring_wakes_the_session(woken: threading.Semaphore) -> None:
    assert wakeup.ring(SESSION)
    assert woken.acquire(timeout=60)


def test_a_ring_of_another_session_does_not(woken: threading.Semaphore) -> None:
    wakeup.ring("another")
    assert not woken.acquire(timeout=0.5)


def test_a_listener_hears_again_when_redis_has_cut_it_off(woken: threading.Semaphore) -> None:
    wakeup.client().client_kill_filter(_type="pubsub")
    assert woken.acquire(timeout=60)  # it looks for what it missed
    wakeup.ring(SESSION)
    assert woken.acquire(timeout=60)


def test_a_ring_reaches_the_session_when_redis_has_cut_off_who_rings(woken: threading.Semaphore) -> None:
    wakeup.ring(SESSION)
    assert woken.acquire(timeout=60)
    wakeup.client().client_kill_filter(_type="normal", skipme=True)
    wakeup.ring(SESSION)
    assert woken.acquire(timeout=60)


def test_celerys_doorbell_follows_every_ring(celery_rung: list[str]) -> None:
    wakeup.ring(SESSION)
    wakeup.ring("another")
    eventually(lambda: {SESSION, "another"} <= set(celery_rung), limit=60)


def test_celerys_doorbell_outlives_an_error(celery_rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(wakeup, "ring_celery", lambda session: celery_rung.append("tried") or 1 / 0)
        wakeup.ring(SESSION)
        eventually(lambda: "tried" in celery_rung, limit=60)
    wakeup.ring(SESSION)
    eventually(lambda: SESSION in celery_rung, limit=60)


def test_a_ring_without_redis_says_so(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    wakeup.client.cache_clear()
    try:
        assert not wakeup.ring(SESSION)
    finally:
        wakeup.client.cache_clear()
