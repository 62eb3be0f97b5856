"""Events become deliveries: each event once for each webhook, in commit order, whatever crashes when."""

from __future__ import annotations

import json
from uuid import UUID

import uuid_utils.compat as uuid_utils
from django.db import transaction

from orders.models import Webhook, WebhookDelivery
from orders.notify.event_feed import notice
from orders.selectors import Cursor, FeedEvent, events_after

BATCH_SIZE = 100  # events in one post
PAGES = 50  # of one run; the next one goes on


def collect(webhook_id: UUID) -> int:
    """Make deliveries of what is new for a webhook; how many events it moved on."""
    moved = 0
    for _ in range(PAGES):
        page = _collect_page(webhook_id)
        moved += page
        if page < BATCH_SIZE:
            break
    return moved


@transaction.atomic
def _collect_page(webhook_id: UUID) -> int:
    """The delivery and the new place are one transaction, under the webhook's lock."""
    mine = Webhook.objects.living().filter(pk=webhook_id)
    found = mine.select_for_update(of=("self",), skip_locked=True).first()
    if found is None:
        return 0
    page = events_after(Cursor(found.txid, found.event_id), BATCH_SIZE)
    if not page:
        return 0
    accounts = set(found.accounts.values_list("pk", flat=True))
    told = [event for event in page if _wanted(event, accounts, found.kinds)]
    if told:
        make_delivery(found, "order.events", told)
    found.txid, found.event_id = page[-1].cursor
    found.save(update_fields=["txid", "event_id"])
    return len(page)


def make_delivery(webhook: Webhook, kind: str, events: list[FeedEvent]) -> WebhookDelivery:
    """Freeze what will be posted. Deliveries are posted by their ids: each comes after the one before it.

    An id begins with the time of whichever worker makes it, whose clock may have gone back meanwhile.
    """
    delivery_id = uuid_utils.uuid7()
    last = webhook.deliveries.order_by("-id").values_list("pk", flat=True).first()
    if last is not None and delivery_id <= last:
        delivery_id = UUID(int=last.int + 1)
    payload = {
        "id": str(delivery_id),
        "type": kind,
        "webhook_id": str(webhook.id),
        "events": [{"id": str(event.cursor), **notice(event)} for event in events],
    }
    return WebhookDelivery.objects.create(
        id=delivery_id, webhook=webhook, payload=json.dumps(payload), events=len(events)
    )


def _wanted(event: FeedEvent, accounts: set[str], kinds: list[str]) -> bool:
    return event.account in accounts and (not kinds or event.kind in kinds)
