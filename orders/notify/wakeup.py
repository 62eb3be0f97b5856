"""Waking: starting the session's submission task at once, and telling readers that there are events.

The message is Celery's own, for `orders.tasks.submit`. One Redis script sets the session's key, and only
its winner publishes: to the broker worker that listens (orders/session/wakeup_listener.py), which runs the
task through Celery, or, where nobody listens, into Celery's queue. The worker deletes the key before it
last reads the outbox, so whoever lost the race committed before that read. What Redis loses, the sweep finds.
"""

from __future__ import annotations

import logging
import threading
from functools import cache
from typing import Any
from uuid import uuid4

from celery import current_app
from django.conf import settings
from kombu.serialization import dumps
from kombu.utils.json import dumps as to_json

from orders.notify.redis_client import (
    REDIS_ERRORS,
    REQUEST_TIMEOUT,
    availability,
    pool,
    request_client,
    worker_options,
)

log = logging.getLogger(__name__)

SUBMIT = "orders.tasks.submit"
#: How long the key lasts (milliseconds) when its message was heard, and when it waits in Celery's queue.
HEARD_TTL_MS, QUEUED_TTL_MS = 200, 10_000
#: What a worker hears besides Celery's messages: somebody asks the broker something.
QUESTIONS = b"questions"
#: ... or a trading state has changed.
STATES = b"states"
#: What readers of the event stream hear: there are new events; or a session or a trading state has changed.
EVENTS, SESSIONS = b"1", b"sessions"
#: KEYS: the session's key, its queue, its channel. ARGV: the message, the two times.
START_SUBMISSION = """
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[2]) then return end
if redis.call('PUBLISH', KEYS[3], ARGV[1]) == 0 then
  redis.call('LPUSH', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
"""
TASK_ID = "the-id-of-the-task"

Command = tuple[Any, ...]


class Publisher:
    """Sends commands and does not wait for answers: one connection of the process, replies off.

    A request and the inbox writer would wait a third of a millisecond for a number that nobody reads.
    Only connecting waits; a frozen Redis takes what is sent into its socket's buffer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None  # a redis connection; half of its methods have no types
        self._url = ""

    def send(self, *commands: Command) -> bool:
        """Send these; False when Redis is away."""
        try:
            with self._lock:
                connection = self._connected()
                try:
                    connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                except BaseException:
                    self._hang_up()
                    raise
        except REDIS_ERRORS as error:
            log.warning("not sent to redis", extra={"error": repr(error)})
            return False
        return True

    def _connected(self) -> Any:
        if self._connection and (self._url != settings.REDIS_URL or _has_ended(self._connection)):
            self._hang_up()
        if self._connection is None:
            availability.require()
            try:
                self._connection = self._connect()
            except REDIS_ERRORS as error:
                availability.failed(error)
                raise
        return self._connection

    def _connect(self) -> Any:
        self._url = settings.REDIS_URL
        waits = {"socket_timeout": REQUEST_TIMEOUT, "socket_connect_timeout": REQUEST_TIMEOUT}
        connection: Any = pool(**(worker_options() | waits)).make_connection()
        connection.connect()
        connection.send_command("CLIENT", "REPLY", "OFF")
        return connection

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


publisher = Publisher()


def start_submission(session: str) -> bool:
    """Start the session's submission task unless one is about to start; False without Redis."""
    keys, message = _keys_and_message(session)
    message = message.replace(TASK_ID, str(uuid4()))
    start = "EVAL", START_SUBMISSION, len(keys), *keys, message, HEARD_TTL_MS, QUEUED_TTL_MS
    return publisher.send(start, ("PUBLISH", events_channel(), EVENTS))


def start_answers(session: str) -> bool:
    """Have the session's worker look at what was asked of the broker; False without Redis."""
    return publisher.send(("PUBLISH", wake_channel(session), QUESTIONS))


def states_changed(session: str) -> bool:
    """Have the session's worker hold what it is about to hand over; False without Redis."""
    return publisher.send(("PUBLISH", wake_channel(session), STATES))


def notify_readers() -> None:
    """Wake the readers of the event stream; they read the events themselves from PostgreSQL."""
    publisher.send(("PUBLISH", events_channel(), EVENTS))


def sessions_changed() -> None:
    """Tell the readers of the event stream that a session or a trading state is not what it was."""
    publisher.send(("PUBLISH", events_channel(), SESSIONS))


def submission_begins(session: str) -> None:
    """From now on the next order starts a task again. Called before the outbox is read for the last time."""
    try:
        request_client().delete(submission_key(session))
    except REDIS_ERRORS as error:
        log.debug("submission key not deleted", extra={"session": session, "error": repr(error)})


def require_redis() -> None:
    """Raise one of REDIS_ERRORS, within 50 ms, where Celery's own client would wait for seconds."""
    request_client().ping()


@cache
def _keys_and_message(session: str) -> tuple[tuple[str, str, str], str]:
    """KEYS of the script, and Celery's message of the task as kombu keeps it in Redis; both are made once."""
    keys = submission_key(session), queue_key(f"broker.{session}"), wake_channel(session)
    task = current_app.amqp.as_task_v2(TASK_ID, SUBMIT, args=(session,), kwargs={}, ignore_result=True)
    content_type, encoding, body = dumps(task.body, current_app.conf.task_serializer)
    delivery = {
        "delivery_info": {"exchange": "", "routing_key": f"broker.{session}"},
        "delivery_mode": 2,
        "delivery_tag": TASK_ID,
        "priority": 0,
    }
    message = {
        "body": body,
        "content-type": content_type,
        "content-encoding": encoding,
        "headers": task.headers,
        "properties": task.properties | delivery,
    }
    return keys, to_json(message)


def submission_key(session: str) -> str:
    """The key whose presence means that a submission of this session is about to read the outbox."""
    return f"{settings.REDIS_KEY_PREFIX}submission:{session}"


def queue_key(queue: str) -> str:
    """The list in which kombu keeps a queue."""
    return f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}{queue}"


def wake_channel(session: str) -> str:
    """The pub/sub channel on which a session's broker worker waits for work."""
    return f"{settings.REDIS_KEY_PREFIX}wake:{session}"


def events_channel() -> str:
    """The pub/sub channel of the readers of the event stream."""
    return f"{settings.REDIS_KEY_PREFIX}events"
