"""The Celery application and the beat schedule."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import before_task_publish

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")
# `migrate` has run Django's checks; a worker that is back after a crash need not load every page for them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

EXPIRE_EVERY = 5.0  # seconds
CONTROLS_EVERY = 5.0  # seconds
GATEWAYS_EVERY = 30.0  # seconds
BREAKS_EVERY = 60.0  # seconds
STATEMENTS_EVERY = 10.0  # seconds; one step of one statement at a time
WEBHOOKS_EVERY = 2.0  # seconds
PROFITS_EVERY = 60.0  # seconds
COSTS_EVERY = 10.0  # seconds
ALERTS_EVERY = 5.0  # seconds
REPORTS_EVERY = 60.0  # seconds
DESK_JOBS_EVERY = 10.0  # seconds; a started job is published at once, this finds one whose message was lost
AUDIT_EVERY = 2.0  # seconds; so long may what is committed be unsealed while all is well


class Application(Celery):
    """Celery with a worker that outlives what Redis does to it."""

    def now(self) -> datetime:
        """The database's time: by it a message says when it expires, whatever the clock of beat's machine."""
        return database_now()

    @cached_property
    def Worker(self) -> type:
        """The class behind `celery worker` and the broker worker."""
        from tradedesk.workers.steady import SteadyWorker  # only workers need the worker program

        return self.subclass_with_self(SteadyWorker)

    @contextmanager
    def producer_or_acquire(self, producer: Any = None) -> Iterator[Any]:  # type: ignore[override]
        """As always; one that could not publish begins anew.

        Without retries Celery keeps its closed channel, and beat would never publish again after Sentinels
        have promoted another Redis.
        """
        with super().producer_or_acquire(producer) as found:
            try:
                yield found
            except Exception:
                connection = found.connection
                connection.close()
                found.revive(connection)
                raise


def database_now() -> datetime:
    """The database's time, as this process knows it."""
    from brokers.postgres import clock  # the settings import this module first

    return clock.now()


app = Application("tradedesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["orders", "brokers"])


@before_task_publish.connect
def stamp(headers: dict[str, Any], **_: object) -> None:
    """Say when a message was published, which Celery does not: by it the age of a queue is known."""
    headers["published_at"] = database_now().timestamp()


@app.on_after_finalize.connect
def schedule(sender: Celery, **_: object) -> None:
    """Periodic work. A tick that comes twice or never does no harm to orders."""
    from django.conf import settings

    for session in settings.BROKER_SESSIONS:
        own = f"broker.{session}"
        for task, every, queue in (
            ("orders.tasks.reconcile_orders", settings.RECONCILE_ORDERS_EVERY, own),
            ("orders.tasks.reconcile_positions", settings.RECONCILE_POSITIONS_EVERY, own),
            ("orders.tasks.expire_stale", EXPIRE_EVERY, "default"),
        ):
            sender.add_periodic_task(
                every,
                sender.signature(task, args=(session,), queue=queue, expires=every),
                name=f"{task} {session}",
            )
    jobs = sender.signature("orders.tasks.work_desk_jobs", queue="default", expires=DESK_JOBS_EVERY)
    sender.add_periodic_task(DESK_JOBS_EVERY, jobs, name="baskets and bulk cancels")
    profits = sender.signature("orders.tasks.keep_profits", queue="default", expires=PROFITS_EVERY)
    sender.add_periodic_task(PROFITS_EVERY, profits, name="profit and loss")
    costs = sender.signature("orders.tasks.keep_costs", queue="default", expires=COSTS_EVERY)
    sender.add_periodic_task(COSTS_EVERY, costs, name="costs of trading")
    reports = sender.signature("orders.tasks.make_reports", queue="default", expires=REPORTS_EVERY)
    sender.add_periodic_task(REPORTS_EVERY, reports, name="reports of the day")
    alerts = sender.signature("orders.tasks.route_alerts", queue="default", expires=ALERTS_EVERY)
    sender.add_periodic_task(ALERTS_EVERY, alerts, name="alerts to people's channels")
    controls = sender.signature("orders.tasks.keep_controls", queue="default", expires=CONTROLS_EVERY)
    sender.add_periodic_task(CONTROLS_EVERY, controls, name="limits that begin, approvals that expire")
    breaks = sender.signature("orders.tasks.keep_breaks", queue="default", expires=BREAKS_EVERY)
    sender.add_periodic_task(BREAKS_EVERY, breaks, name="worth and time of breaks")
    if settings.FLEX:
        flex = sender.signature("orders.tasks.fetch_statements", queue="default", expires=STATEMENTS_EVERY)
        sender.add_periodic_task(STATEMENTS_EVERY, flex, name="statements of the broker")
    gateways = sender.signature("orders.tasks.watch_gateways", queue="default", expires=GATEWAYS_EVERY)
    sender.add_periodic_task(GATEWAYS_EVERY, gateways, name="logins of gateways")
    webhooks = sender.signature("orders.tasks.notify_webhooks", queue="default", expires=WEBHOOKS_EVERY)
    sender.add_periodic_task(WEBHOOKS_EVERY, webhooks, name="webhooks")
    audit = sender.signature("orders.tasks.seal_audit", queue="default", expires=AUDIT_EVERY)
    sender.add_periodic_task(AUDIT_EVERY, audit, name="seals of the audit")
    head = sender.signature("orders.tasks.log_audit_head", queue="default")
    sender.add_periodic_task(3600, head, name="head of the audit in the log")
    archive = sender.signature("orders.tasks.archive_messages", queue="default", expires=3600)
    sender.add_periodic_task(crontab(hour=2, minute=40), archive, name="old messages to the archive")
    sender.add_periodic_task(3600, sender.signature("orders.tasks.tidy", queue="default"), name="tidy")
