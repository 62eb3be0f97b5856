"""Tasks may run twice, late or in a process that does not own the session."""

from __future__ import annotations

from decimal import Decimal

import pytest
from celery import Task

from orders import tasks
from orders.models import EventKind, Order, State
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


@pytest.mark.parametrize("task", [tasks.submit, tasks.drain], ids=["submit", "its former name"])
def test_a_submission_in_a_process_without_the_session_says_so(task: Task) -> None:
    with pytest.raises(LookupError, match="does not run in this process"):
        task("main")


def test_every_scheduled_task_has_a_queue_a_worker_reads() -> None:
    queues = set(app.amqp.queues)
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] in queues
