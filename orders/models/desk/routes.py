"""Where alerts go: which kinds to which channel, when not, and what became of each notice."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orders.models.desk.alerts import Severity


class AlertRoute(models.Model):
    """Alerts of these kinds and at least this severity go to a channel; unread ones go on to a second.

    A channel is a name: its URL, which holds a secret, stands in the setting `TRADEDESK_ALERT_CHANNELS` only.
    """

    name = models.CharField(max_length=60, unique=True)
    kinds = models.JSONField(default=list, blank=True, help_text="Kinds of alerts; empty: all.")
    severity = models.SmallIntegerField(choices=Severity.choices, default=Severity.WARNING)
    channel = models.CharField(max_length=40)
    escalate_to = models.CharField(max_length=40, blank=True, default="")
    escalate_after = models.PositiveIntegerField(default=300, help_text="Seconds that nobody has read it.")
    active = models.BooleanField(default=True)
    since = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AlertMute(models.Model):
    """A span in which alerts of a kind (empty: of all) are not sent on; they are raised all the same."""

    kind = models.CharField(max_length=24, blank=True, default="")
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("until")
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=150, editable=False)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="alert_mute_ends")
        ]

    def __str__(self) -> str:
        return f"{self.kind or 'all'} {self.starts_at:%Y-%m-%d %H:%M}"


class NoticeState(models.TextChoices):
    """Lifecycle of a notice."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"  # given up after all attempts


class AlertNotice(models.Model):
    """One alert on its way to one channel: by its route, or by the route's escalation."""

    alert = models.ForeignKey("orders.Alert", on_delete=models.CASCADE, related_name="notices")
    route = models.ForeignKey(AlertRoute, on_delete=models.CASCADE, related_name="notices")
    escalation = models.BooleanField(default=False)
    channel = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=NoticeState.choices, default=NoticeState.PENDING)
    attempts = models.SmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    made_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "route", "escalation"], name="alert_notice_once")
        ]
        indexes = [
            models.Index(fields=["not_before"], condition=Q(state="PENDING"), name="alert_notice_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.state}"
