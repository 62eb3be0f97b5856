"""The broker worker: a Celery worker that owns one gateway session, joined to it by a bootstep."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

from celery import bootsteps
from celery.utils.nodenames import gethostname, nodename

from orders.services.runtime import SessionRuntime
from tradedesk.celery import app

log = logging.getLogger(__name__)


class SessionStep(bootsteps.StartStopStep):
    """Starts the session once the pool is there, stops it before the pool goes."""

    requires = ("celery.worker.components:Pool",)
    runtime: SessionRuntime

    def start(self, parent: Any) -> None:
        self.runtime.start()

    def stop(self, parent: Any) -> None:
        self.runtime.stop()

    def terminate(self, parent: Any) -> None:
        self.runtime.stop()


def run(runtime: SessionRuntime) -> int:
    """Work until told to stop; the exit code, non-zero when the lease was lost."""
    lost: list[bool] = []

    def lease_lost() -> None:
        lost.append(True)
        os.kill(os.getpid(), signal.SIGTERM)

    runtime.on_lease_lost = lease_lost
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
    worker.start()
    return 1 if lost else int(worker.exitcode or 0)
