"""Ringing: telling the broker worker that there is work, and readers that there is news.

Three looks find every order: the wake, a published message that the session's worker waits for (under
a millisecond, lost when nobody listens); Celery's doorbell some moments later; the worker's own sweep each
second. Nothing here can lose or repeat an order.

Celery's doorbell is coalesced: `SET ring NX PX` has one winner, only it publishes the task, and the
worker deletes the key before it reads the outbox, so whoever lost the race committed before that read.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import cache
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

RING_TTL_MS = 200
#: Celery's doorbell follows the wake after this time (seconds), when the sweep would look too. Under load it
#: took the broker worker more of its time to hear twenty of them a second than to apply a hundred orders.
CELERY_AFTER = 1.0
#: What a wake is about: something to send, or a question to the broker.
ORDERS, QUESTIONS = b"orders", b"questions"
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


class Horn:
    """Publishes and does not wait to hear that it was published: one connection of the process, replies off.

    A request and the inbox writer would wait a third of a millisecond for a number that nobody reads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None  # a redis connection; half of its methods have no types
        self._of: redis.Redis | None = None

    def blow(self, *messages: tuple[str, bytes]) -> None:
        """Publish (channel, message) each; raises one of REDIS_ERRORS when Redis is away."""
        with self._lock:
            connection = self._connected()
            try:
                told = connection.pack_commands([("PUBLISH", *message) for message in messages])
                connection.send_packed_command(told, check_health=False)
            except BaseException:
                self._hang_up()
                raise

    def _connected(self) -> Any:
        if self._connection and (self._of is not client() or _has_ended(self._connection)):
            self._hang_up()
        if self._connection is None:
            self._of = client()
            connection: Any = self._of.connection_pool.make_connection()
            connection.connect()
            connection.send_command("CLIENT", "REPLY", "OFF")
            self._connection = connection
        return self._connection

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.disconnect()
        self._connection = None


def _has_ended(connection: Any) -> bool:
    """Where nothing is ever said, there is something to read only when Redis has closed it."""
    try:
        return bool(connection.can_read(0))
    except REDIS_ERRORS:
        return True


_horn = Horn()


def ring(session: str, *, about: bytes = ORDERS) -> bool:
    """Wake the session's broker worker, tell the readers, and have Celery ring too; False without Redis."""
    try:
        _horn.blow((wake_channel(session), about), (events_channel(), b"1"))
    except REDIS_ERRORS as error:
        log.warning("doorbell not rung", extra={"session": session, "error": repr(error)})
        return False
    _bell.ring(session)
    return True


def ring_celery(session: str) -> bool:
    """Publish Celery's doorbell unless one is under way; False when Redis could not be told."""
    try:
        if client().set(ring_key(session), "1", nx=True, px=RING_TTL_MS):
            current_app.send_task("orders.tasks.drain", args=[session], queue=f"broker.{session}")
    except REDIS_ERRORS as error:
        log.warning("doorbell not rung", extra={"session": session, "error": repr(error)})
        return False
    return True


class Bell:
    """Rings by Celery from a thread of its own, so that no request waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: set[str] = set()
        self._rung = threading.Event()
        self._thread = threading.Thread()

    def ring(self, session: str) -> None:
        """Have this session rung."""
        with self._lock:
            self._sessions.add(session)
            if not self._thread.is_alive():  # never started, or left behind by a fork
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
        self._rung.set()

    def _run(self) -> None:
        while True:
            self._rung.wait()
            time.sleep(CELERY_AFTER)
            self._rung.clear()
            with self._lock:
                sessions, self._sessions = self._sessions, set()
            for session in sessions:
                try:
                    ring_celery(session)
                except Exception:  # this thread must outlive whatever it meets
                    log.exception("doorbell not rung", extra={"session": session})


_bell = Bell()


def answered(session: str) -> None:
    """The worker is awake: the next ring must be published again. Called before the outbox is read."""
    try:
        client().delete(ring_key(session))
    except REDIS_ERRORS as error:
        log.warning("ring key not deleted", extra={"session": session, "error": repr(error)})


def ring_key(session: str) -> str:
    """The key whose presence means that a ring for this session is under way."""
    return f"{settings.REDIS_KEY_PREFIX}ring:{session}"


def wake_channel(session: str) -> str:
    """The pub/sub channel on which a session's broker worker waits for work."""
    return f"{settings.REDIS_KEY_PREFIX}wake:{session}"


def events_channel() -> str:
    """The pub/sub channel that says "there are new order events"."""
    return f"{settings.REDIS_KEY_PREFIX}events"


def notify_readers() -> None:
    """Wake the readers of the event stream; they read the events themselves from PostgreSQL."""
    try:
        _horn.blow((events_channel(), b"1"))
    except REDIS_ERRORS as error:
        log.debug("readers not told", extra={"error": repr(error)})
