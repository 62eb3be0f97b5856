"""Webhooks: order events posted to a client's own address."""

from __future__ import annotations

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DeliveryState(models.TextChoices):
    """Lifecycle of a delivery."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"  # given up after all attempts; can be asked for again


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Which are told."""

    def living(self) -> WebhookQuerySet:
        """Neither ended nor of a client who is not active any more: no token of that one works either."""
        return self.filter(active=True, client__is_active=True)


class Webhook(models.Model):
    """An address that is told the events of some accounts' orders, in commit order.

    It reads the events like a stream reader: (`txid`, `event_id`) is its place. Its secret is not stored:
    it is derived from SECRET_KEY, the id and `generation`. `failures` in a row and `not_before` slow down
    a webhook that is not answered well; `busy_until` is held by whoever delivers just now.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    client = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=500)
    accounts = models.ManyToManyField("brokers.BrokerAccount", related_name="+")
    kinds = models.JSONField(default=list, help_text="Kinds of events; empty: all.")
    made_by = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())
    active = models.BooleanField(default=True)
    generation = models.IntegerField(default=1)
    rotated_at = models.DateTimeField(null=True, blank=True)
    txid = models.BigIntegerField()
    event_id = models.BigIntegerField()
    failures = models.IntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    busy_until = models.DateTimeField(null=True, blank=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """Some events for one webhook, in the very text that is posted: a repeated post is the same bytes."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    payload = models.TextField()
    events = models.IntegerField()
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.IntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["webhook", "-id"], name="webhook_delivery_log"),
            models.Index(
                fields=["webhook", "id"], condition=Q(state="PENDING"), name="webhook_delivery_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"


class WebhookAttempt(models.Model):
    """One post of a delivery: what came back, or why nothing did."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField()
    status_code = models.IntegerField(null=True, blank=True)
    duration_ms = models.IntegerField()
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.status_code or self.error)
