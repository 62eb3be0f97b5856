"""What a person should look at: one open row per thing, however often it happens."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class AlertKind(models.TextChoices):
    """What is the matter."""

    HELD_ORDER = "HELD_ORDER", "Order held for the desk"
    IN_DOUBT = "IN_DOUBT", "Order unconfirmed for long"
    CANCEL_UNANSWERED = "CANCEL_UNANSWERED", "Cancel that the broker does not answer"
    DUPLICATE_ORDER = "DUPLICATE_ORDER", "One reference, two orders at the broker"
    OVERFILL = "OVERFILL", "More executed than ordered"
    UNKNOWN_CODE = "UNKNOWN_CODE", "Error code that is not in our table"
    COMMISSION_MISSING = "COMMISSION_MISSING", "Commission missing"
    BREAK = "BREAK", "Our books and the broker's differ"
    BREAK_OVERDUE = "BREAK_OVERDUE", "A difference is open beyond its time"
    INBOX_STUCK = "INBOX_STUCK", "Broker message that could not be applied"
    GROUP_BROKEN = "GROUP_BROKEN", "Group not placed whole although a part of it executed"
    SESSION = "SESSION", "Broker session needs a person"
    DEAD_MAN = "DEAD_MAN", "A client does not beat any more"
    LOST_HISTORY = "LOST_HISTORY", "The broker has orders of ours that our books lost"
    BUST = "BUST", "Execution taken back by the exchange"
    CORRECTION = "CORRECTION", "Execution corrected"
    LATE_FILL = "LATE_FILL", "Executed after the order was over"
    STILL_WORKING = "STILL_WORKING", "Order that was over here works at the broker"
    FOUR_EYES = "FOUR_EYES", "Less needs a second person than before"
    REPORT = "REPORT", "A report of the day is ready"
    STATEMENT = "STATEMENT", "A statement of the broker cannot be had"
    CLOCK = "CLOCK", "The clock of a process is wrong"


class Severity(models.IntegerChoices):
    """How much it hurries: alerts of one kind have one severity."""

    INFO = 1, "Info"
    WARNING = 2, "Warning"
    CRITICAL = 3, "Critical"


CRITICAL = {
    AlertKind.HELD_ORDER,
    AlertKind.IN_DOUBT,
    AlertKind.CANCEL_UNANSWERED,
    AlertKind.DUPLICATE_ORDER,
    AlertKind.OVERFILL,
    AlertKind.LOST_HISTORY,
    AlertKind.SESSION,
    AlertKind.BUST,
    AlertKind.LATE_FILL,
    AlertKind.STILL_WORKING,
    AlertKind.FOUR_EYES,
    AlertKind.BREAK_OVERDUE,
}


def severity_of(kind: str) -> Severity:
    """What a kind's alerts hurry."""
    if kind == AlertKind.REPORT:
        return Severity.INFO
    return Severity.CRITICAL if kind in CRITICAL else Severity.WARNING


class Alert(models.Model):
    """Something that a person should look at.

    Open until `cleared_at`: when what it tells of is over, or when a person says so. While it is open
    the same thing only counts up `times`. `subject` tells things of one kind apart that have no order.
    """

    kind = models.CharField(max_length=24, choices=AlertKind.choices)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, null=True, related_name="alerts")
    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT, null=True)
    subject = models.CharField(max_length=120, blank=True, default="")
    text = models.TextField()
    times = models.IntegerField(default=1)
    raised_at = models.DateTimeField()
    last_raised_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_by = models.CharField(max_length=100, blank=True, default="")
    cleared_note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-id"]
        permissions = [("clear_alert", "Can mark alerts as seen and clear them")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "order", "session", "subject"],
                condition=Q(cleared_at=None),
                nulls_distinct=False,
                name="alert_one_open_per_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"
