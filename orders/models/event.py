"""What happened to an order: append-only, the database refuses update, delete and truncate."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from brokers.formats import decimal_text, time_text


class EventKind(models.TextChoices):
    """What an event says."""

    RECORDED = "RECORDED"
    CLAIMED = "CLAIMED"
    HANDED_OVER = "HANDED_OVER"
    PUT_BACK = "PUT_BACK"
    IN_DOUBT = "IN_DOUBT"
    ABSENT = "ABSENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    WORKING = "WORKING"
    EXECUTION = "EXECUTION"
    COMMISSION = "COMMISSION"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    REOPENED = "REOPENED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCEL_SENT = "CANCEL_SENT"
    CANCEL_ACCEPTED = "CANCEL_ACCEPTED"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    REPLACE_REQUESTED = "REPLACE_REQUESTED"
    REPLACE_SENT = "REPLACE_SENT"
    REPLACE_IN_DOUBT = "REPLACE_IN_DOUBT"
    REPLACE_ACCEPTED = "REPLACE_ACCEPTED"
    REPLACE_REFUSED = "REPLACE_REFUSED"
    STANDING = "STANDING"
    RESCALED = "RESCALED"
    COMMISSION_MISSING = "COMMISSION_MISSING"
    OVERFILLED = "OVERFILLED"
    BROKER_NOTICE = "BROKER_NOTICE"
    TERMS_CHANGED = "TERMS_CHANGED"
    HELD_FOR_DESK = "HELD_FOR_DESK"
    RELEASED = "RELEASED"


class CurrentTransaction(models.Func):
    """The id of the writing transaction; readers use it to follow events in commit order."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()


class OrderEvent(models.Model):
    """One thing that happened; the chain of an order's events replays to its row.

    `at` is when it happened, `recorded_at` when it was written. `txid` orders events by transaction:
    ids are given out before commit, so ids alone are not in commit order.
    """

    #: The events of an order are found by its versions' index: an order writes seven of them.
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="events", db_index=False)
    version = models.IntegerField()
    kind = models.CharField(max_length=24, choices=EventKind.choices)
    from_state = models.CharField(max_length=20, blank=True)
    to_state = models.CharField(max_length=20)
    cum_qty = models.DecimalField(max_digits=28, decimal_places=10)
    avg_px = models.DecimalField(max_digits=28, decimal_places=10)
    actor = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    #: Its raw message may be in an archive: the number stays, and no constraint looks for it.
    inbox = models.ForeignKey(
        "brokers.InboxMessage",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,  # nobody asks which events came from a message
    )
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    txid = models.BigIntegerField(db_default=CurrentTransaction())

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "version"], name="order_event_unique_version")
        ]
        indexes = [
            models.Index(fields=["txid", "id"], name="order_event_stream"),
            # A day of the drop copy; a few bytes for each hundred pages, next to nothing for who writes.
            BrinIndex(fields=["recorded_at"], name="order_event_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.from_state} -> {self.to_state}"

    def facts(self) -> dict[str, Any]:
        """What it says, in JSON: the same to a client of the API and to a reader of the drop copy."""
        return {
            "version": self.version,
            "kind": self.kind,
            "from_state": self.from_state,
            "to_state": self.to_state,
            "cum_qty": decimal_text(self.cum_qty),
            "avg_px": decimal_text(self.avg_px),
            "actor": self.actor,
            "text": self.text,
            "data": self.data,
            "at": time_text(self.at),
            "recorded_at": time_text(self.recorded_at),
        }
