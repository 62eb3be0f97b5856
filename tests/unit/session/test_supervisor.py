"""The supervisor: what ends is started again, what ends too often or hangs ends the process."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from brokers.threads import RestartableThread
from orders.session import supervisor as supervision
from orders.session.supervisor import Supervisor
from tradedesk.stack.polling import eventually


class Ground:
    """A supervisor, and what it says when it cannot cure a thread."""

    def __init__(self) -> None:
        self.stopping = Event()
        self.fatal: list[str] = []
        self.supervisor = Supervisor("main", self.stopping, self.fatal.append)

    def watch(self, thread: RestartableThread, silence: float = 60.0) -> supervision.Watched:
        self.supervisor.watch("worker", thread, silence=silence)
        self.supervisor.start()
        return self.supervisor.watched["worker"]


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setattr(supervision, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(supervision, "PAUSES", (0.0, 0.01, 0.02))
    ground = Ground()
    yield ground
    ground.stopping.set()
    ground.supervisor.join(60)


def test_a_thread_that_ended_once_is_started_again(ground: Ground) -> None:
    first = [True]

    def work() -> None:
        if first:
            first.clear()
            raise SystemExit
        ground.stopping.wait()

    watched = ground.watch(RestartableThread("worker", work))
    eventually(lambda: watched.restarts == 1 and watched.thread.is_alive())
    assert "ended (SystemExit()) and is started again" in watched.problem()
    assert ground.fatal == []


def test_a_thread_that_ends_again_and_again_ends_the_process(ground: Ground) -> None:
    watched = ground.watch(RestartableThread("worker", lambda: None))
    eventually(lambda: ground.fatal)
    assert ground.fatal == ["the thread 'worker' ended 4 times in 60 s"]
    assert watched.restarts == 3


def test_a_thread_that_is_silent_for_too_long_ends_the_process(ground: Ground) -> None:
    ground.watch(RestartableThread("worker", lambda: bool(ground.stopping.wait())), silence=0.2)
    eventually(lambda: ground.fatal)
    assert ground.fatal == ["the thread 'worker' has been silent for 0.2 s"]


def test_a_process_that_was_frozen_blames_no_thread(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = RestartableThread("worker", lambda: bool(ground.stopping.wait()))
    watched = supervision.Watched("worker", thread, silence=60.0)
    thread.start()
    thread.beat_at -= 1000
    ground.supervisor.watched["worker"] = watched
    ground.supervisor._looked_at -= 1000
    ground.supervisor.own.thread.start()
    eventually(lambda: ground.supervisor._awake_since)
    ground.stopping.wait(0.2)
    assert ground.fatal == []


def test_the_supervisor_itself_is_started_again(ground: Ground) -> None:
    own = ground.supervisor.own
    ground.supervisor.look_after_itself()
    assert not own.thread.is_alive()  # it has not been started yet
    ground.supervisor._started = True
    ground.supervisor.look_after_itself()
    eventually(own.thread.is_alive)
    assert own.restarts == 1
