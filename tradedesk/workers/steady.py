"""A Celery worker that begins again when its consumer dies, and tells Flower of its tasks twice a second.

Celery 5.7 over Redis ends the whole process with exit code 1 when Redis goes at an unlucky moment: while a
task is unacknowledged, kombu closes the channel, tries to restore the message on a connection that is
gone, and the AttributeError counts as unrecoverable; a full Redis does the same by an error of its own.
A broker worker that ends for that reason would take the connection to the gateway with it.
"""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from typing import Any

from celery.apps.worker import Worker
from celery.beat import PersistentScheduler
from celery.platforms import EX_FAILURE
from celery.worker import state
from celery.worker.consumer import Consumer
from celery.worker.control import inspect_command
from celery.worker.request import Request
from kombu.asynchronous import set_event_loop

from brokers.postgres import clock
from tradedesk.collector import start_up_is_over
from tradedesk.liveness import EVERY, Heartbeat

log = logging.getLogger(__name__)

EVENTS_EVERY = 0.5  # seconds between two messages with the events of tasks
EVENTS_WAITING = 10_000  # so many are sent at once: far more than tasks of half a second have
#: Settings that a worker tells of when it is asked.
SHOWN = (
    *("task_acks_late", "task_default_queue", "task_ignore_result", "worker_prefetch_multiplier", "timezone"),
    *("accept_content", "worker_concurrency"),
)
AWAY = "waits for Redis"
#: Of a worker or beat; a broker worker's own is that of its session, which needs no Celery.
heartbeat: Heartbeat | None = None
PAUSE = 1.0  # seconds before it begins again: a Redis that refuses everything must not make a busy loop


@inspect_command(name="conf")
def configuration(state: Any, **_: object) -> dict[str, Any]:
    """What `inspect conf`, and so Flower's page of a worker, shows of our settings: how tasks are run.

    In place of Celery's own, which shows every Django setting and hides by name: the URL of Redis, password
    and all, had names that it does not know.
    """
    return {name: repr(getattr(state.app.conf, name)) for name in SHOWN}


class ClockedRequest(Request):
    """A message of a task, that expires by the database's clock as it was stamped (`Application.now`).

    Celery compares two machines' clocks: one of them ten seconds off, and no webhook, seal or alert went out.
    """

    def maybe_expire(self) -> bool:  # type: ignore[override]  # Celery's gives None for no
        """Whether its time is over; it is not run then."""
        over = bool(self.expires) and clock.now() > self.expires
        if over:
            state.revoked.add(self.id)
        return over


class Reporter(Consumer):
    """Celery's consumer; events of tasks wait for the next half second and travel together.

    Celery publishes each at once, three for a task (received, started, succeeded): for an order that takes
    the broker worker longer than claiming and sending it. An event carries its own time, so Flower shows the
    same, half a second later.
    """

    event_dispatcher: Any  # None while Celery has no connection

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.timer.call_repeatedly(EVENTS_EVERY, self.send_events)
        if heartbeat:
            self.timer.call_repeatedly(EVERY, heartbeat.beat)

    def on_send_event_buffered(self) -> None:  # type: ignore[override]  # nobody reads it
        """There is an event: the timer sends it, and not the thread that happens to add one too many."""
        self.event_dispatcher.buffer_limit = EVENTS_WAITING

    def send_events(self) -> None:
        """Publish the events that wait."""
        if self.event_dispatcher:
            self.event_dispatcher.flush()

    def ensure_connected(self, conn: Any) -> Any:
        """As always; it may take as long as Redis is away."""
        with heartbeat.meanwhile(AWAY) if heartbeat else nullcontext():
            return super().ensure_connected(conn)

    def stop(self) -> None:
        """Send what waits, then stop."""
        self.send_events()
        super().stop()


class SteadyWorker(Worker):
    """Celery's worker; `start` returns only when somebody asked it to end, or its set-up is wrong."""

    def __init__(self, app: Any = None, hostname: str | None = None, **options: Any) -> None:
        self._options = options
        super().__init__(app, hostname, **options)
        start_up_is_over()

    @property
    def failed(self) -> bool:
        """Whether it ends, or has ended, without having been asked to."""
        asked = state.should_stop is not None or state.should_terminate is not None
        return self.exitcode == EX_FAILURE and not asked

    def start(self) -> None:
        """Work; after a failure of the consumer build everything anew and go on."""
        super().start()
        while self.failed:
            log.error("the consumer failed and begins again")
            time.sleep(PAUSE)
            self._build_anew()
            super().start()

    def _build_anew(self) -> None:
        """What was reserved is gone with its connection: Redis delivers it again, or the sweep finds it."""
        self.exitcode = None
        state.reset_state()
        set_event_loop(None)  # the old loop's poller watches closed sockets
        self.setup_instance(**self.prepare_args(**self._options))


class Scheduler(PersistentScheduler):
    """Beat's scheduler, which says that it goes on: an absent Redis costs a turn seconds, and no more."""

    def tick(self, *args: Any, **options: Any) -> float:
        """One turn."""
        if heartbeat:
            heartbeat.beat()
        return float(super().tick(*args, **options))
