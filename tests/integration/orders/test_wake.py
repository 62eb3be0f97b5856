"""The wake-up: Celery's message of the submission task, once per key, to who listens or into the queue."""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orders.notify import redis_client, wakeup
from orders.session.wakeup_listener import listen_forever
from tradedesk.stack.polling import eventually
from tradedesk.stack.servers.redis import EmbeddedRedis

SESSION = "wake-test"
Received = queue.Queue[bytes]


@pytest.fixture(autouse=True)
def no_key_left() -> Iterator[None]:
    forget_messages()
    yield
    forget_messages()


def forget_messages() -> None:
    redis_client.forget_clients()
    for session in (SESSION, "another"):
        redis_client.client().delete(wakeup.submission_key(session), queue_of(session))


def queue_of(session: str) -> str:
    return wakeup.queue_key(f"broker.{session}")


def waiting(session: str = SESSION) -> int:
    """Messages in the session's queue of Celery."""
    length: Any = redis_client.client().llen(queue_of(session))
    return int(length)


@pytest.fixture
def received() -> Iterator[Received]:
    """What a listener receives."""
    found: Received = queue.Queue()
    stopping = threading.Event()
    thread = threading.Thread(target=listen_forever, args=(SESSION, found.put, stopping))
    thread.start()
    assert found.get(timeout=60) == b""  # it looks for what came while nobody listened
    yield found
    stopping.set()
    thread.join(30)


def test_who_listens_receives_celerys_message_and_the_queue_does_not(received: Received) -> None:
    assert wakeup.start_submission(SESSION)
    message = json.loads(received.get(timeout=60))
    assert message["headers"]["task"] == "orders.tasks.submit"
    assert json.loads(message["body"])[0] == [SESSION]
    assert not waiting()


def test_each_message_is_a_task_of_its_own(received: Received) -> None:
    ids = set()
    for _ in range(3):
        wakeup.start_submission(SESSION)
        ids.add(json.loads(received.get(timeout=60))["headers"]["id"])
        wakeup.submission_begins(SESSION)
    assert len(ids) == 3


def test_the_message_of_another_session_is_not_received(received: Received) -> None:
    wakeup.start_submission("another")
    with pytest.raises(queue.Empty):
        received.get(timeout=0.5)


def test_where_nobody_listens_one_message_waits_in_celerys_queue() -> None:
    for _ in range(5):
        wakeup.start_submission(SESSION)
    eventually(waiting, limit=60)
    assert waiting() == 1


def test_a_submission_that_begins_lets_the_next_message_out() -> None:
    wakeup.start_submission(SESSION)
    eventually(waiting, limit=60)
    wakeup.submission_begins(SESSION)
    wakeup.start_submission(SESSION)
    assert eventually(lambda: waiting() == 2, limit=60)


def test_a_question_is_received_as_such(received: Received) -> None:
    wakeup.start_answers(SESSION)
    assert received.get(timeout=60) == wakeup.QUESTIONS


def test_a_listener_hears_again_when_redis_has_cut_it_off(received: Received) -> None:
    redis_client.client().client_kill_filter(_type="pubsub")
    assert received.get(timeout=60) == b""
    wakeup.start_answers(SESSION)
    assert received.get(timeout=60) == wakeup.QUESTIONS


def test_a_publisher_publishes_again_when_redis_has_cut_it_off(received: Received) -> None:
    wakeup.start_answers(SESSION)
    assert received.get(timeout=60)
    redis_client.client().client_kill_filter(_type="normal", skipme=True)
    wakeup.start_answers(SESSION)
    assert received.get(timeout=60)


def test_a_wiped_redis_lets_the_next_message_out() -> None:
    wakeup.start_submission(SESSION)
    eventually(waiting, limit=60)
    redis_client.client().delete(wakeup.submission_key(SESSION), queue_of(SESSION))
    wakeup.start_submission(SESSION)
    assert eventually(lambda: waiting() == 1, limit=60)


def test_without_redis_a_wake_up_says_so(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert not wakeup.start_submission(SESSION)


# --- a Redis that accepts and does not answer ----------------------------------------------------
@pytest.fixture
def frozen(tmp_path: Any, settings: Any) -> Iterator[EmbeddedRedis]:
    """A Redis of its own, stopped by SIGSTOP."""
    server = EmbeddedRedis(tmp_path / "redis", password="frozen", log=tmp_path / "redis.log")
    server.start()
    settings.REDIS_URL = server.url
    redis_client.forget_clients()
    assert redis_client.request_client().ping()
    signal_to(server, signal.SIGSTOP)
    yield server
    signal_to(server, signal.SIGCONT)
    server.kill()
    redis_client.forget_clients()


def signal_to(server: EmbeddedRedis, number: signal.Signals) -> None:
    assert server.process
    server.process.send_signal(number)


def failures_from_now(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What made Redis held to be away; each is one wait."""
    found: list[Exception] = []
    failed = redis_client.availability.failed

    def counted(error: Exception) -> None:
        found.append(error)
        failed(error)

    monkeypatch.setattr(redis_client.availability, "failed", counted)
    return found


@pytest.mark.parametrize("use", [redis_client.request_client, None], ids=["a question", "a publication"])
def test_a_frozen_redis_is_waited_for_once_in_several_seconds(
    frozen: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch, use: Callable[[], Any] | None
) -> None:
    monkeypatch.setattr(redis_client, "AWAY_FOR", 600.0)
    failures = failures_from_now(monkeypatch)
    for _ in range(20):
        if use is None:
            wakeup.Publisher().send(("PING",))
        else:
            with pytest.raises(redis_client.REDIS_ERRORS):
                use().ping()
    assert len(failures) == 1


def test_throttle_questions_and_wake_ups_share_what_one_of_them_found(
    frozen: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "AWAY_FOR", 600.0)
    with pytest.raises(redis_client.REDIS_ERRORS):
        redis_client.request_client().ping()
    failures = failures_from_now(monkeypatch)
    assert not wakeup.Publisher().send(("PING",))
    with pytest.raises(redis_client.REDIS_ERRORS):
        wakeup.require_redis()
    wakeup.submission_begins(SESSION)
    assert not failures


def test_a_redis_that_answers_again_is_asked_again(
    frozen: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "AWAY_FOR", 0.2)
    with pytest.raises(redis_client.REDIS_ERRORS):
        redis_client.request_client().ping()
    signal_to(frozen, signal.SIGCONT)

    def answers() -> bool:
        try:
            return bool(redis_client.request_client().ping())
        except redis_client.REDIS_ERRORS:
            time.sleep(0.1)
            return False

    eventually(answers, limit=60)
