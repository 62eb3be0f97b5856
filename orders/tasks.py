"""Celery tasks: each calls one service. All may run twice, late, or never; none is the only way."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings

from brokers.postgres import clock
from orders.controls import retention
from orders.controls.audit import anchors, archive, seal
from orders.controls.books import break_values
from orders.controls.gateways import gateway_watch
from orders.controls.limits import limit_changes
from orders.controls.persons import approvals
from orders.controls.persons.setting_watch import note_four_eyes
from orders.desk import jobs
from orders.entry import idempotency
from orders.models import BreakKind
from orders.notify import questions, routes
from orders.notify.submission_counts import StartedBy
from orders.reconciliation import baseline, breaks, profits, snapshots
from orders.reconciliation.statements import fetching
from orders.reports.cost import keep, quotes
from orders.reports.daily import kept
from orders.sending import submission
from orders.session.runtime import running
from orders.webhooks.collect import collect
from orders.webhooks.deliver import deliver, due
from orders.webhooks.manage import forget_old_deliveries

log = logging.getLogger(__name__)


@shared_task
def submit(session: str) -> dict[str, float]:
    """Send what waits for this session, in the broker worker that owns it; what was handed over.

    A task that meets another at work leaves it a note to look again and returns at once.
    """
    return asdict(running(session).submit(StartedBy.TASK))


@shared_task
def drain(session: str) -> dict[str, float]:
    """What `submit` was called one version ago; a message of that version may still wait in a queue."""
    return submit(session)


@shared_task
def reconcile_orders(session: str) -> str:
    """Compare orders and executions with the broker; with completed orders while an order's break is open."""
    run = running(session).reconcile(full=breaks.is_open(session, BreakKind.ORDER))
    return str(run) if run else "the snapshot was not complete"


@shared_task
def reconcile_positions(session: str) -> str:
    """Compare positions and cash with the broker."""
    runs = running(session).reconcile_positions()
    return ", ".join(map(str, runs)) or "the snapshot was not complete"


@shared_task
def expire_stale(session: str) -> int:
    """Give up stale orders even while no broker worker runs: what is shown must be true."""
    return submission.expire_stale(session)


@shared_task
def keep_controls() -> dict[str, int]:
    """Put limits into force whose time has come, end approvals that nobody gave in time; how many."""
    note_four_eyes()
    return {"limits": limit_changes.apply_due(), "expired": approvals.expire()}


@shared_task
def keep_breaks() -> int:
    """Value open breaks and tell a person of those whose time is over; how many those are."""
    return break_values.keep_values()


@shared_task
def fetch_statements() -> int:
    """Take the next step of the day's statements at the broker's web service; how many were taken."""
    return fetching.work()


@shared_task
def watch_gateways() -> int:
    """Tell a person when nobody is logged in to a gateway, or will not be; how many alerts are open."""
    return gateway_watch.watch()


@shared_task
def notify_webhooks() -> int:
    """Ring for every webhook that may be worked on; how many."""
    found = due()
    for webhook_id in found:
        notify_webhook.apply_async(args=(str(webhook_id),), queue="default", expires=30)
    return len(found)


@shared_task
def notify_webhook(webhook_id: str) -> int:
    """Bring one webhook up to date; how many posts were taken."""
    collect(UUID(webhook_id))
    return deliver(UUID(webhook_id))


@shared_task
def tidy() -> dict[str, int]:
    """Forget what nobody will ask for again; orders, executions and events stay. What went, by kind."""
    return {
        "reconciliation_runs": snapshots.forget_old_runs(),
        "baselines": baseline.carry_forward(),
        "profit_points": profits.forget_old_points(),
        "questions": questions.forget_old(),
        "idempotency_keys": idempotency.forget_old_keys(),
        "webhook_deliveries": forget_old_deliveries(),
        "market_ticks": quotes.forget_old_ticks(),
        **retention.forget(),
    }


@shared_task
def keep_profits() -> int:
    """Keep this minute's profit and loss of every account and position."""
    return profits.keep_minute()


@shared_task
def route_alerts() -> int:
    """Send alerts on to people's channels; how many notices were taken."""
    return routes.work()


@shared_task
def make_reports() -> int:
    """Make the reports of the day whose time has come; how many."""
    return kept.make_due()


@shared_task
def keep_costs() -> int:
    """Compute the costs of what was executed since the last run; how many events were looked at."""
    return keep.follow()


@shared_task
def work_desk_jobs() -> int:
    """Work the desk's baskets and bulk cancels."""
    return jobs.work()


@shared_task
def seal_audit() -> int:
    """Seal what was committed since the last seal; how many rows."""
    return seal.seal()


@shared_task
def log_audit_head() -> str:
    """Log the head of the audit's chain, and keep one of each day as a file: copies elsewhere are anchors."""
    head = seal.anchor()
    if head is None:
        return "nothing is sealed yet"
    log.info("head of the audit: seq=%s head=%s at=%s", head["seq"], head["head"], head["at"])
    try:
        anchors.keep_of_today(settings.AUDIT_ANCHORS)
    except OSError as error:
        log.warning("no anchor of the audit was kept", extra={"error": repr(error)})
    return str(head["head"])


@shared_task
def archive_messages() -> int:
    """Move old raw messages of the broker to files, where a folder is set; how many."""
    if settings.ARCHIVE is None:
        return 0
    try:
        settings.ARCHIVE.mkdir(parents=True, exist_ok=True)
        before = clock.now() - timedelta(days=settings.MESSAGES_KEPT_DAYS)
        return sum(done.rows for done in archive.archive(settings.ARCHIVE, before))
    except (OSError, archive.ArchiveInvalid) as error:
        log.warning("old messages were not archived", extra={"error": str(error)})
        return 0
