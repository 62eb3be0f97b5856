"""The broker worker: a Celery worker beside one gateway session, joined to it by a bootstep.

The session needs no Redis: it goes on while Celery's consumer waits for one or begins again.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from functools import partial
from typing import Any

from celery import bootsteps
from celery.utils.nodenames import gethostname, nodename
from kombu.message import Message

from orders.session.runtime import SessionRuntime
from tradedesk.celery import app

log = logging.getLogger(__name__)

LEASE_LOST, THREAD_LOST = 1, 3  # exit codes
STOP_WITHIN = 8.0  # seconds for an orderly end when a thread hangs; the lease then runs out by itself


class SessionStep(bootsteps.StartStopStep):
    """Stops the session before the pool goes, unless only Celery's consumer failed and begins again."""

    requires = ("celery.worker.components:Pool",)
    runtime: SessionRuntime

    def stop(self, parent: Any) -> None:
        if not parent.failed:
            self.runtime.stop()

    terminate = stop


def run_task(worker: Any, raw: bytes) -> bool:
    """Run a task whose message was published to this worker; False while its consumer cannot.

    It goes the way of a message from the queue (received, handed to the pool, started, succeeded: Flower
    sees each), without the queue's bookkeeping. Nothing is acknowledged: what is lost, the sweep sends.
    """
    strategies = getattr(worker.consumer, "strategies", {})  # none before the consumer's first start
    stored = json.loads(raw)  # what kombu would have kept in Redis
    strategy = strategies.get(stored["headers"]["task"])
    if strategy is None:
        return False
    properties = stored["properties"]
    message = Message(
        stored["body"],
        properties["delivery_tag"],
        stored["content-type"],
        stored["content-encoding"],
        delivery_info=properties["delivery_info"] | {"priority": properties["priority"]},
        properties=properties,
        headers=stored["headers"],
    )
    strategy(message, None, nothing_to_acknowledge, nothing_to_acknowledge, [])
    return True


def nothing_to_acknowledge(*_: Any, **__: Any) -> None:
    """A published message is in no queue."""


def run(runtime: SessionRuntime) -> int:
    """Work until told to stop; the exit code says when the lease was lost, or a thread could not be cured."""
    codes: list[int] = []

    def lease_lost() -> None:
        codes.append(LEASE_LOST)
        os.kill(os.getpid(), signal.SIGTERM)

    def thread_lost(reason: str) -> None:
        codes.append(THREAD_LOST)
        end = threading.Timer(STOP_WITHIN, os._exit, [THREAD_LOST])
        end.daemon = True
        end.start()
        os.kill(os.getpid(), signal.SIGTERM)

    runtime.on_lease_lost, runtime.on_fatal = lease_lost, thread_lost
    SessionStep.runtime = runtime
    app.steps["worker"].add(SessionStep)
    worker = app.Worker(
        hostname=nodename(f"broker-{runtime.name}", gethostname()),
        pool="threads",
        concurrency=4,
        queues=[f"broker.{runtime.name}"],
        without_gossip=True,
        without_mingle=True,
        loglevel="INFO",
    )
    runtime.run_task = partial(run_task, worker)
    runtime.start()
    worker.start()
    return codes[0] if codes else int(worker.exitcode or 0)
