"""Parent orders of ours that are worked in slices: each slice is an order of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models

from orders.models.controls.approvals import ApprovalState


class SliceState(models.TextChoices):
    """What a sliced order is doing."""

    RUNNING = "RUNNING", "Running"
    PAUSED = "PAUSED", "Paused"
    ENDING = "ENDING", "Waiting for its last slices to end"
    DONE = "DONE", "Executed"
    ENDED = "ENDED", "Its time is over, a rest was not executed"
    CANCELED = "CANCELED", "Canceled"


class IfLate(models.TextChoices):
    """What becomes of the rest when slices could not be sent in their time."""

    SPREAD = "SPREAD", "One slice at once, the rest over what remains of the window"
    END = "END", "The rest is not sent"


#: More slices may come, or those that are out may still execute.
SLICING = (SliceState.RUNNING, SliceState.PAUSED, SliceState.ENDING)


class SlicedOrder(models.Model):
    """A parent order. Its quantities are computed from its children, never stored.

    `ticket` is what every slice is made of (`orders.entry.reading.ticket.Ticket` as JSON). Its window stands:
    a pause moves neither `start_time` nor `end_time`, and nothing is sent after it.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    client = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    cl_ord_id = models.CharField(max_length=50)
    request_hash = models.CharField(max_length=64)
    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT, related_name="+")
    instrument = models.ForeignKey("brokers.Instrument", on_delete=models.PROTECT, related_name="+")
    ticket = models.JSONField()
    order_qty = models.DecimalField(max_digits=28, decimal_places=10)
    slices = models.IntegerField()
    start_time = models.DateTimeField()
    end_time = models.DateTimeField()
    if_late = models.CharField(max_length=6, choices=IfLate.choices, default=IfLate.SPREAD)
    state = models.CharField(max_length=12, choices=SliceState.choices, default=SliceState.RUNNING)
    reason = models.TextField(blank=True, default="")
    #: What a second person must agree to before the first slice; None for most.
    approval = models.ForeignKey(
        "orders.Approval", on_delete=models.PROTECT, null=True, blank=True, related_name="sliced"
    )
    paused_at = models.DateTimeField(null=True, blank=True)
    #: How many slices were made; the next one's cl_ord_id is made from it.
    made = models.IntegerField(default=0)
    #: [{"at", "state", "actor", "text"}, ...]
    history = models.JSONField(default=list)
    received_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["client", "cl_ord_id"], name="sliced_order_unique_cl_ord_id"),
            models.CheckConstraint(condition=models.Q(order_qty__gt=0), name="sliced_order_qty_positive"),
        ]
        indexes = [
            models.Index(
                fields=["session"],
                condition=models.Q(state__in=[state.value for state in SLICING]),
                name="sliced_order_open",
            )
        ]

    def __str__(self) -> str:
        return self.cl_ord_id

    @property
    def awaits_approval(self) -> bool:
        """Whether a second person must agree before the first slice."""
        return self.approval is not None and self.approval.state == ApprovalState.WAITING

    def move(self, state: SliceState, *, actor: str, at: Any, text: str = "") -> None:
        """Change the state, with its line in the history; the caller holds the row's lock and saves."""
        self.state, self.reason = state, text
        self.history = [
            *self.history,
            {"at": at.isoformat(), "state": state.value, "actor": actor, "text": text},
        ]


def lots(quantity: Decimal, lot: Decimal) -> Decimal:
    """The quantity in whole lots, rounded down."""
    return quantity // lot * lot
