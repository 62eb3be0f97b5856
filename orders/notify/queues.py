"""Celery's queues as Redis keeps them: how much waits in each, and for how long."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from brokers.postgres import clock
from orders.notify import redis_client
from orders.notify.wakeup import queue_key


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One queue: its messages, and the seconds that the oldest waits (0 for one that does not say)."""

    queue: str
    messages: int
    oldest: float


def waiting(queues: Iterable[str]) -> list[Waiting]:
    """What waits in these queues, in one question; raises one of REDIS_ERRORS when Redis is away."""
    names = list(queues)
    with redis_client.request_client().pipeline(transaction=False) as asking:
        for name in names:
            asking.llen(queue_key(name))
            asking.lindex(queue_key(name), -1)  # kombu adds at the left and takes from the right
        found = asking.execute()
    return [
        Waiting(queue=name, messages=length, oldest=age_of(message))
        for name, length, message in zip(names, found[::2], found[1::2], strict=True)
    ]


def age_of(message: bytes | None) -> float:
    """Seconds since a message was published, as its header says (tradedesk/celery.py)."""
    if message is None:
        return 0.0
    try:
        published_at = float(json.loads(message)["headers"]["published_at"])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return max(0.0, clock.now().timestamp() - published_at)
