"""Ringing: telling the broker worker that there is work, and readers that there is news.

A lost ring costs at most one sweep (a second); nothing here can lose or repeat an order. The ring is
coalesced: `SET ring NX PX` has one winner, only it publishes the Celery task, and the worker deletes
the key before it reads the outbox, so whoever lost the race committed before that read.
"""

from __future__ import annotations

import logging
from functools import cache

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

RING_TTL_MS = 200
#: What a Redis that is down, slow or full raises, directly and through kombu.
REDIS_ERRORS = (redis.RedisError, OperationalError, OSError)


@cache
def client() -> redis.Redis:
    """One client per process: short timeouts and no retries, because a repeated SET NX answers wrongly."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT / 2,
        retry=Retry(NoBackoff(), 0),
    )


def ring_key(session: str) -> str:
    """The key whose presence means that a ring for this session is under way."""
    return f"{settings.REDIS_KEY_PREFIX}ring:{session}"


def ring(session: str) -> bool:
    """Wake the broker worker of this session; False when Redis could not be told (the sweep will find it)."""
    try:
        if client().set(ring_key(session), "1", nx=True, px=RING_TTL_MS):
            current_app.send_task("orders.tasks.drain", args=[session], queue=f"broker.{session}")
    except REDIS_ERRORS as error:
        log.warning("doorbell not rung", extra={"session": session, "error": repr(error)})
        return False
    return True


def answered(session: str) -> None:
    """The worker is awake: the next ring must be published again. Called before the outbox is read."""
    try:
        client().delete(ring_key(session))
    except REDIS_ERRORS as error:
        log.warning("ring key not deleted", extra={"session": session, "error": repr(error)})


def events_channel() -> str:
    """The pub/sub channel that says "there are new order events"."""
    return f"{settings.REDIS_KEY_PREFIX}events"


def tell_readers() -> None:
    """Wake the readers of the event stream; they read the events themselves from PostgreSQL."""
    try:
        client().publish(events_channel(), "1")
    except REDIS_ERRORS as error:
        log.debug("readers not told", extra={"error": repr(error)})
