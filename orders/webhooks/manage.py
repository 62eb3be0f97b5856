"""Making, rotating and ending webhooks, and asking for a delivery again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from brokers.models import BrokerAccount
from orders.models import DeliveryState, Webhook, WebhookDelivery
from orders.selectors import newest_settled_event
from orders.webhooks import signing
from orders.webhooks.collect import make_delivery

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RETENTION = timedelta(days=30)


@transaction.atomic
def make_webhook(
    url: str, *, client: User, accounts: Collection[BrokerAccount], kinds: Collection[str], made_by: str
) -> tuple[Webhook, str]:
    """A webhook that is told what happens from now on, and its secret."""
    txid, event_id = newest_settled_event()
    webhook = Webhook.objects.create(
        url=url, client=client, kinds=sorted(kinds), made_by=made_by, txid=txid, event_id=event_id
    )
    webhook.accounts.set(accounts)
    return webhook, signing.secret(webhook)


@transaction.atomic
def rotate_secret(webhook: Webhook) -> str:
    """A new secret; the one before signs beside it for a day."""
    locked = Webhook.objects.select_for_update().get(pk=webhook.pk)
    locked.generation += 1
    locked.rotated_at = timezone.now()
    locked.save(update_fields=["generation", "rotated_at"])
    return signing.secret(locked)


def end_webhook(webhook: Webhook) -> None:
    """Tell it nothing more; its log stays."""
    Webhook.objects.filter(pk=webhook.pk).update(active=False)


def ping(webhook: Webhook) -> WebhookDelivery:
    """A delivery without events, to try the address."""
    Webhook.objects.filter(pk=webhook.pk).update(not_before=timezone.now())
    return make_delivery(webhook, "ping", [])


def redeliver(delivery: WebhookDelivery) -> None:
    """Post it again, soon, whatever became of it before."""
    WebhookDelivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.PENDING, attempts=0)
    Webhook.objects.filter(pk=delivery.webhook_id).update(not_before=timezone.now())


def forget_old_deliveries() -> int:
    """Delete the log of deliveries that were taken long ago."""
    old = WebhookDelivery.objects.filter(
        state=DeliveryState.DELIVERED, delivered_at__lt=timezone.now() - RETENTION
    )
    return old.delete()[0]
