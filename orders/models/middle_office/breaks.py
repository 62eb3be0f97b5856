"""Breaks: what our books and the broker's do not agree on, with both sides' evidence."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class BreakKind(models.TextChoices):
    """What differs."""

    ORDER = "ORDER", "Order"
    EXECUTION = "EXECUTION", "Execution"
    COMMISSION = "COMMISSION", "Commission"
    POSITION = "POSITION", "Position"
    CASH = "CASH", "Cash"
    STATEMENT = "STATEMENT", "Statement"
    LOST_HISTORY = "LOST_HISTORY", "Lost history"


class BreakCause(models.TextChoices):
    """Why both sides differed, as a person says who closes it."""

    TIMING = "TIMING", "Timing: the other side follows"
    OURS_CORRECTED = "OURS_CORRECTED", "Our books were wrong and are corrected"
    BROKER_ERROR = "BROKER_ERROR", "The broker's error, with its ticket"
    CORPORATE_ACTION = "CORPORATE_ACTION", "Corporate action"
    OPTION_EVENT = "OPTION_EVENT", "Exercise, assignment or expiry"
    CASH_MOVEMENT = "CASH_MOVEMENT", "Dividend, interest, fee or transfer"
    TOLERANCE = "TOLERANCE", "Rounding"
    DUPLICATE_FEED = "DUPLICATE_FEED", "The same told twice"
    WRITE_OFF = "WRITE_OFF", "Accepted and written off"
    NOT_A_BREAK = "NOT_A_BREAK", "No difference at all"


class Break(models.Model):
    """One difference, from when it was first seen until both sides agree or a person resolves it.

    `key` names the thing within its kind (an order's id, an execution's, account and contract, account
    and currency); there is one open break for each. `agreeing_runs` counts the comparisons in a row
    that did not show it any more: after two it closes itself.
    """

    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=BreakKind.choices)
    key = models.CharField(max_length=100)
    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.PROTECT, null=True)
    instrument = models.ForeignKey("brokers.Instrument", on_delete=models.PROTECT, null=True)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, null=True, related_name="breaks")
    text = models.TextField()
    ours = models.JSONField(default=dict)
    broker = models.JSONField(default=dict)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    times = models.IntegerField(default=1)
    agreeing_runs = models.SmallIntegerField(default=0)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=100, blank=True, default="")
    resolution = models.TextField(blank=True, default="")
    cause = models.CharField(max_length=20, choices=BreakCause.choices, blank=True, db_default="")
    ticket = models.CharField(max_length=60, blank=True, db_default="", help_text="The broker's ticket.")
    value = models.DecimalField(
        null=True,
        blank=True,
        max_digits=28,
        decimal_places=10,
        help_text="What the difference is worth in the account's base currency; empty: nobody can tell.",
    )
    due_at = models.DateTimeField(null=True, blank=True, help_text="Until when it should be closed.")

    class Meta:
        ordering = ["-id"]
        permissions = [("resolve_break", "Can own, note and resolve breaks")]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "kind", "key"],
                condition=Q(closed_at=None),
                name="break_one_open_per_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"

    @staticmethod
    def position_key(account: str | None, con_id: int) -> str:
        """The key of a break of this position."""
        return f"{account} {con_id}"

    @property
    def gap(self) -> Decimal | None:
        """The broker's figure less ours, of a break about a balance; None where either is not told."""
        try:
            return Decimal(self.broker["reported"]) - Decimal(self.ours["expected"])
        except (KeyError, InvalidOperation):
            return None


class BreakNote(models.Model):
    """What a person did or said about a break; append-only, held so by the database."""

    parent = models.ForeignKey(Break, on_delete=models.PROTECT, related_name="notes")
    at = models.DateTimeField(db_default=Now())
    by = models.CharField(max_length=100)
    act = models.CharField(
        max_length=10, choices=[(word, word.lower()) for word in ("OWNED", "NOTE", "RESOLVED", "CLOSED")]
    )
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.act} {self.by}"


class BreakFile(models.Model):
    """A document that a person put to a break: kept with its digest, never changed."""

    parent = models.ForeignKey(Break, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=60)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    at = models.DateTimeField(db_default=Now())
    by = models.CharField(max_length=100)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["parent", "sha256"], name="break_file_once")]

    def __str__(self) -> str:
        return self.name
