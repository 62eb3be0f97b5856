"""The broker worker's end of the wake: a thread that waits for the session's published messages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from orders.notify.wakeup import REDIS_ERRORS, wake_channel
from orders.session.supervisor import WorkerThread

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds until it is seen that the session stops
AGAIN_AFTER = 0.5  # seconds between attempts while Redis is away
CHECK_EVERY = 5  # seconds; a half-open socket is found by a ping


class WakeListener:
    """Calls `wake` with every message of a session's channel; what it misses, the sweep finds."""

    def __init__(self, session: str, wake: Callable[[bytes], None], stopping: threading.Event) -> None:
        self.session = session
        self._wake = wake
        self._stopping = stopping

    def run(self, thread: WorkerThread) -> None:
        """Listen until the session stops; connects again whenever Redis is back."""
        while not self._stopping.is_set():
            thread.beat()
            try:
                self._listen(thread)
            except REDIS_ERRORS as error:
                log.warning("not listening for wakes", extra={"session": self.session, "error": repr(error)})
                self._stopping.wait(AGAIN_AFTER)

    def _listen(self, thread: WorkerThread) -> None:
        with self._client() as client, client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(wake_channel(self.session))
            self._wake(b"")  # what came while nobody listened
            while not self._stopping.is_set():
                thread.beat()
                if message := channel.get_message(timeout=LOOK_EVERY):
                    self._wake(message["data"])

    @staticmethod
    def _client() -> redis.Redis:
        return redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=settings.REDIS_TIMEOUT,
            socket_connect_timeout=settings.REDIS_TIMEOUT / 2,
            health_check_interval=CHECK_EVERY,
            retry=Retry(NoBackoff(), 0),
        )
