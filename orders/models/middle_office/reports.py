"""Reports of a day as they were made, kept with their hash and signed off by a person."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class ReportKind(models.TextChoices):
    """Which report."""

    START_OF_DAY = "start-of-day", "Start of day"
    END_OF_DAY = "end-of-day", "End of day"


class DayReport(models.Model):
    """One edition of a report: `sha256` is of its document as canonical JSON. Only its sign-off changes."""

    kind = models.CharField(max_length=16, choices=ReportKind.choices)
    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    edition = models.PositiveIntegerField()
    document = models.JSONField()
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.CharField(max_length=150)
    signed_at = models.DateTimeField(null=True, blank=True)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    sign_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-day", "-id"]
        permissions = [("sign_report", "Can sign off reports of a day")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "account", "day", "edition"], name="day_report_edition_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.account_id}, {self.day}"
