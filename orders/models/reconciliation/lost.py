"""Lost history: orders that the broker shows under references of ours and that our books did not know."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

#: In the data of an event: terms that the broker shows of an order and that its columns do not have.
MORE = "more"


class LostOrder(models.Model):
    """One reference that our books had lost, from when the broker showed it until a person decided.

    `order` is how the books have it now: as somebody else's until it is rebuilt, or the order of the client's
    own repeat. `digest` is what the reference says of client and ClOrdID (`order.digest_of`).
    """

    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT, related_name="+")
    order_ref = models.CharField(max_length=64)
    digest = models.CharField(max_length=17)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="+")
    found_at = models.DateTimeField()
    #: The client repeated the order's request, and was given this order.
    claimed_at = models.DateTimeField(null=True, blank=True)
    rebuilt_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True, default="")
    decision = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "order_ref"], name="lost_order_once"),
        ]
        indexes = [
            models.Index(fields=["digest"], condition=Q(claimed_at=None), name="lost_order_unclaimed"),
        ]

    def __str__(self) -> str:
        return self.order_ref
