"""Requests on a living order: cancel (and, later, replace). Their own rows, their own states."""

from __future__ import annotations

import uuid_utils.compat as uuid_utils
from django.db import models
from django.db.models import Q

from orders.models.states import OPEN_REQUESTS, RequestState


class RequestKind(models.TextChoices):
    """What is asked."""

    CANCEL = "CANCEL"
    REPLACE = "REPLACE"


class OrderRequest(models.Model):
    """A cancel or replace request. A refused one leaves the order exactly as it was."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="requests")
    kind = models.CharField(max_length=8, choices=RequestKind.choices)
    cl_ord_id = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=RequestState.choices, default=RequestState.REQUESTED)
    reason_code = models.CharField(max_length=40, blank=True, default="")
    reason_text = models.TextField(blank=True, default="")
    requested_by = models.CharField(max_length=100)
    requested_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "cl_ord_id"], name="order_request_unique_cl_ord_id"),
            models.UniqueConstraint(
                fields=["order", "kind"],
                condition=Q(state__in=[s.value for s in OPEN_REQUESTS]),
                name="order_request_one_open_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
