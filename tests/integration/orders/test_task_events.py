"""What workers tell Flower: every event of every task, in few messages, at no cost for who runs the task."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from celery.exceptions import SecurityWarning

from orders.notify import redis_client
from tradedesk.celery import app

MANY = 90


@pytest.fixture
def consumer() -> Iterator[Any]:
    """A worker's consumer that has its events, but was not started."""
    with warnings.catch_warnings(category=SecurityWarning, action="ignore"):  # tests may run as root
        worker = app.Worker(hostname="events@test", pool="threads", concurrency=1, queues=["default"])
    found = worker.consumer
    with app.connection_for_write() as connection:
        found.event_dispatcher = app.events.Dispatcher(
            connection, hostname="events@test", buffer_group=["task"],
            on_send_buffered=found.on_send_event_buffered,
        )  # fmt: skip
        yield found


@pytest.fixture
def published() -> Iterator[Any]:
    with redis_client.client().pubsub(ignore_subscribe_messages=True) as channel:
        channel.psubscribe("*celeryev*")
        channel.get_message(timeout=60)
        yield channel


def test_events_of_many_tasks_are_one_message_of_the_timer(consumer: Any, published: Any) -> None:
    for number in range(MANY):
        consumer.event_dispatcher.send("task-started", uuid=str(number))
    assert published.get_message(timeout=0.2) is None
    for scheduled in list(consumer.timer.queue):
        scheduled.entry()
    assert b"task.multi" in published.get_message(timeout=30)["data"]
    assert published.get_message(timeout=0.2) is None


def test_a_worker_that_stops_tells_what_it_has_not_told(consumer: Any, published: Any) -> None:
    consumer.event_dispatcher.send("task-succeeded", uuid="last")
    consumer.stop()
    assert published.get_message(timeout=30)
