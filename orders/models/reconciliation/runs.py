"""Results of comparing our books with the broker's."""

from __future__ import annotations

from django.db import models


class ReconciliationKind(models.TextChoices):
    """What was compared."""

    ORDERS = "ORDERS"
    POSITIONS = "POSITIONS"
    CASH = "CASH"


class ReconciliationRun(models.Model):
    """One comparison: what was looked at, what was put right, what still differs."""

    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT)
    kind = models.CharField(max_length=10, choices=ReconciliationKind.choices)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    ok = models.BooleanField()
    error = models.TextField(blank=True, default="")
    counts = models.JSONField(default=dict)
    differences = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%H:%M:%S}"
