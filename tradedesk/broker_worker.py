"""The broker worker: a Celery worker beside one gateway session, joined to it by a bootstep.

The session needs no Redis: it goes on while Celery's consumer waits for one or begins again.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
from typing import Any

from celery import bootsteps
from celery.utils.nodenames import gethostname, nodename

from orders.session.runtime import SessionRuntime
from tradedesk.celery import app

log = logging.getLogger(__name__)


class SessionStep(bootsteps.StartStopStep):
    """Stops the session before the pool goes, unless only Celery's consumer failed and begins again."""

    requires = ("celery.worker.components:Pool",)
    runtime: SessionRuntime

    def stop(self, parent: Any) -> None:
        if not parent.failed:
            self.runtime.stop()

    terminate = stop


def run(runtime: SessionRuntime) -> int:
    """Work until told to stop; the exit code, non-zero when the lease was lost."""
    lost: list[bool] = []

    def lease_lost() -> None:
        lost.append(True)
        os.kill(os.getpid(), signal.SIGTERM)

    gc.collect()
    gc.freeze()  # what start-up has made stays: the collector need not look through it while an order waits
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
    runtime.start()
    worker.start()
    return 1 if lost else int(worker.exitcode or 0)
