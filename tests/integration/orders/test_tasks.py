"""Tasks may run twice, late or in a process that does not own the session."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kombu import Queue

from orders import tasks
from orders.models import EventKind, Order, State
from orders.notify import wakeup
from tradedesk.celery import app

MAX_AGE = Decimal("0.001")


def test_a_stale_order_is_given_up_without_any_broker_worker(order: Order) -> None:
    assert [tasks.expire_stale("main"), tasks.expire_stale("main")] == [1, 0]
    order = Order.objects.get()
    assert (order.state, order.reason_code) == (State.FAILED, "STALE")
    assert order.events.filter(kind=EventKind.FAILED).count() == 1


def test_a_stale_order_is_not_waiting_to_be_sent(order: Order) -> None:
    tasks.expire_stale("main")
    assert not order.commands.filter(done_at=None).exists()


def test_a_drain_in_a_process_without_the_session_says_so(order: Order) -> None:
    with pytest.raises(LookupError, match="does not run in this process"):
        tasks.drain("main")


def test_only_the_winner_of_a_ring_publishes_and_an_answer_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    session = "bell-test"  # nobody else's: a thread still rings for what earlier tests recorded
    monkeypatch.setitem(app.amqp.queues, f"broker.{session}", Queue(f"broker.{session}"))
    monkeypatch.setattr(wakeup, "RING_TTL_MS", 60_000)
    client = wakeup.client()
    client.delete(wakeup.ring_key(session), f"tradedesk:broker.{session}")
    for _ in range(5):
        wakeup.ring_celery(session)
    assert client.llen(f"tradedesk:broker.{session}") == 1
    wakeup.answered(session)
    wakeup.ring_celery(session)
    assert client.llen(f"tradedesk:broker.{session}") == 2


def test_every_scheduled_task_exists_and_has_a_queue_that_a_worker_reads() -> None:
    queues = set(app.amqp.queues)
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] in queues
