"""A legal hold: what must not be deleted, however old, while somebody may ask for it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class LegalHold(models.Model):
    """What a session received in a span of time is kept; no session: every one's, no end: from then on."""

    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT, null=True, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(db_default=Now())
    released_by = models.CharField(max_length=150, blank=True, default="")
    released_at = models.DateTimeField(null=True, blank=True)
    release_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        until = f" to {self.until:%Y-%m-%d}" if self.until else ""
        return f"{self.session_id or 'all sessions'} from {self.since:%Y-%m-%d}{until}: {self.reason}"
