"""The least that a Celery hop costs: a task that notes when its first line ran, and nothing of ours."""

from __future__ import annotations

import os
import time

import redis
from celery import Celery

NOTES = "bench:hops"

TASK = "bench.hop"
QUEUE = "bench"


def make_app(broker: str | None) -> Celery:
    """A Celery application with the delivery rules of ours."""
    made = Celery("bare", broker=broker, set_as_current=False)  # beside ours, in a test
    made.conf.update(
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        task_default_queue=QUEUE,
        broker_connection_retry_on_startup=True,
    )
    return made


app = make_app(os.environ.get("REDIS_URL"))


@app.task(name=TASK)
def hop(sent_at: float) -> None:
    """Note how long it took to get here."""
    now = time.time()
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.rpush(NOTES, now - sent_at)
