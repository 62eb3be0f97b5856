"""What nobody will ask for again, deleted by the application itself: nothing of it is audited.

In parts, from the oldest on, so that no run holds up the desk; what a run leaves the next one takes.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db import connection

from brokers.models import LinkChange
from brokers.postgres import clock
from orders.models import DeliveryState, ReconciliationRun, Webhook, WebhookDelivery

log = logging.getLogger(__name__)

BATCH, BATCHES = 2_000, 20
LINK_CHANGES_KEPT = timedelta(days=90)
COMMANDS_KEPT = timedelta(days=30)
FAILED_RUNS_KEPT = timedelta(days=90)
FAILED_DELIVERIES_KEPT = timedelta(days=30)
#: Failures in a row after which a webhook is ended: with their pauses, two weeks without one answer.
DEAD_AFTER = 60

#: Commands are done in nearly the order in which they were made: where the oldest are young, all are.
COMMANDS = """
    WITH oldest AS (SELECT id, done_at FROM orders_outboxcommand ORDER BY id LIMIT %s)
    DELETE FROM orders_outboxcommand WHERE id IN (SELECT id FROM oldest WHERE done_at < %s)
"""


def forget() -> dict[str, int]:
    """All of it; how many went, by kind."""
    now = clock.now()
    return {
        "logins": Session.objects.filter(expire_date__lt=now).delete()[0],
        "link_changes": LinkChange.objects.filter(at__lt=now - LINK_CHANGES_KEPT).delete()[0],
        "commands": forget_commands(),
        "failed_runs": ReconciliationRun.objects.filter(finished_at__lt=now - FAILED_RUNS_KEPT).delete()[0],
        "failed_deliveries": WebhookDelivery.objects.filter(
            state=DeliveryState.FAILED, created_at__lt=now - FAILED_DELIVERIES_KEPT
        ).delete()[0],
        "dead_webhooks": end_dead_webhooks(),
    }


def forget_commands() -> int:
    """Delete commands that were sent long ago: that they were sent is an event of the order."""
    total = 0
    for _ in range(BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(COMMANDS, [BATCH, clock.now() - COMMANDS_KEPT])
            total += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return total


def end_dead_webhooks() -> int:
    """End webhooks that nobody has answered for two weeks; the desk's page starts one again."""
    dead = Webhook.objects.filter(active=True, failures__gte=DEAD_AFTER)
    for webhook in dead:
        log.warning("webhook ended: nobody answers", extra={"webhook": str(webhook.pk), "url": webhook.url})
    return dead.update(active=False)
