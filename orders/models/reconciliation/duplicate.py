"""Orders at the broker that share one reference of ours: one too many, and nobody knows which."""

from __future__ import annotations

from django.db import models


class DuplicateOrder(models.Model):
    """One of several orders at the broker behind one of ours; all of them, the one that we know included.

    What is asked of the order is asked of each, and it is over when each of them is.
    """

    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="duplicates")
    perm_id = models.BigIntegerField(db_index=True)
    broker_client_id = models.IntegerField(null=True, blank=True)
    broker_order_id = models.BigIntegerField(null=True, blank=True)
    is_over = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "perm_id"], name="duplicate_order_unique_perm_id")
        ]

    def __str__(self) -> str:
        return str(self.perm_id)
