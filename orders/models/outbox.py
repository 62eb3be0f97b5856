"""Commands on their way to the broker, written in the transaction that decided them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class CommandKind(models.TextChoices):
    """What is to be sent."""

    NEW = "NEW"
    CANCEL = "CANCEL"
    REPLACE = "REPLACE"


class Priority(models.IntegerChoices):
    """What goes first while more waits than the broker takes; cancels go before all of these."""

    REDUCING = 1, "reduce only"
    MARKET = 2, "at the market"
    MARKETABLE = 3, "would trade at once"
    RESTING = 4, "resting"


class OutboxCommand(models.Model):
    """One command. `done_at` is set by the claim, before anything is sent: the claim is the promise."""

    # Each index is written twice for an order, when it is recorded and when it is claimed.
    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT, db_index=False)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="commands")
    request = models.ForeignKey("orders.OrderRequest", on_delete=models.PROTECT, null=True, db_index=False)
    kind = models.CharField(max_length=8, choices=CommandKind.choices)
    #: Of a new order, as `risk.priority` says when it is recorded.
    priority = models.SmallIntegerField(choices=Priority.choices, db_default=Priority.RESTING)
    created_at = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now())
    attempts = models.IntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["session", "kind", "priority", "id"],
                condition=Q(done_at__isnull=True),
                name="outbox_waiting",
            ),
            models.Index(fields=["request"], condition=Q(request__isnull=False), name="outbox_request"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.order_id}"


class SubmissionAttempt(models.Model):
    """One attempt to place an order: the broker order id, the reference and the frozen payload."""

    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="attempts")
    attempt = models.SmallIntegerField()
    order_ref = models.CharField(max_length=64)
    broker_client_id = models.IntegerField()
    broker_order_id = models.BigIntegerField()
    lease_epoch = models.BigIntegerField()
    payload = models.JSONField()
    claimed_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["broker_client_id", "broker_order_id"], name="attempt_broker_id")]

    def __str__(self) -> str:
        return self.order_ref
