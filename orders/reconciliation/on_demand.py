"""Asking for a comparison with the broker and waiting for it; the broker worker does the work."""

from __future__ import annotations

import time
from datetime import datetime

from celery import current_app

from brokers.postgres import clock
from orders.models import ReconciliationKind, ReconciliationRun
from orders.notify.redis_client import REDIS_ERRORS

ASK_AGAIN = 20.0  # seconds; a task that Redis lost is asked for again
PAUSE = 0.25  # seconds
TASKS = ("orders.tasks.reconcile_orders", "orders.tasks.reconcile_positions")


def reconcile_now(session: str, *, limit: float = 180.0) -> list[ReconciliationRun]:
    """The result of a comparison of each kind begun after this call.

    Raises TimeoutError when there is none within `limit` seconds: no worker owns the session.
    """
    asked_at = clock.now()
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        _ask(session)
        if runs := _wait(session, asked_at, min(deadline, time.monotonic() + ASK_AGAIN)):
            return runs
    raise TimeoutError(f"no broker worker reconciled session {session} within {limit:g} s")


def _ask(session: str) -> None:
    for task in TASKS:
        try:
            current_app.send_task(task, args=(session,), queue=f"broker.{session}", expires=ASK_AGAIN)
        except REDIS_ERRORS:
            return  # asked again, and beat asks too


def _wait(session: str, since: datetime, deadline: float) -> list[ReconciliationRun]:
    while True:
        runs = newest_runs(session, since)
        if len(runs) == len(ReconciliationKind) or time.monotonic() > deadline:
            return runs if len(runs) == len(ReconciliationKind) else []
        time.sleep(PAUSE)


def newest_runs(session: str, since: datetime) -> list[ReconciliationRun]:
    """The newest comparison of each kind that began after `since`, as far as there are any."""
    begun = ReconciliationRun.objects.filter(session_id=session, started_at__gt=since).order_by("-id")
    newest = (begun.filter(kind=kind).first() for kind in ReconciliationKind)
    return [run for run in newest if run]
