"""The broker worker's end of the wake-up: waits for the messages that are published for its session."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from orders.notify.redis_client import REDIS_ERRORS, connected, worker_options
from orders.notify.wakeup import wake_channel

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds until it is seen that the session stops
AGAIN_AFTER = 0.5  # seconds between attempts while Redis is away
CHECK_EVERY = 5  # seconds; a half-open socket is found by a ping

Receive = Callable[[bytes], None]


def listen_forever(
    session: str, receive: Receive, stopping: threading.Event, *, beat: Callable[[], None] = lambda: None
) -> None:
    """Call `receive` with every message until the session stops; what is missed, the sweep finds."""
    while not stopping.is_set():
        beat()
        try:
            own = connected(health_check_interval=CHECK_EVERY, **worker_options())
            with own as client, client.pubsub(ignore_subscribe_messages=True) as channel:
                channel.subscribe(wake_channel(session))
                receive(b"")  # what came while nobody listened
                while not stopping.is_set():
                    beat()
                    if message := channel.get_message(timeout=LOOK_EVERY):
                        receive(message["data"])
        except REDIS_ERRORS as error:
            log.warning("not listening for wake-ups", extra={"session": session, "error": repr(error)})
            stopping.wait(AGAIN_AFTER)
