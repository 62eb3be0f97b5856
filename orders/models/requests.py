"""Requests on a living order: cancel and replace. Their own rows, ClOrdIDs and states."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models
from django.db.models import Q

from orders.models.event import EventKind
from orders.models.lifecycle import Cause
from orders.models.reasons import reason
from orders.models.states import OPEN_REQUESTS, RequestState
from orders.models.terms import Terms

if TYPE_CHECKING:
    from orders.models.order import Order


#: Why a replace is refused that the order's end outran.
OUTRUN = "TOO_LATE_TO_REPLACE"


class RequestKind(models.TextChoices):
    """What is asked."""

    CANCEL = "CANCEL"
    REPLACE = "REPLACE"


class OrderRequest(models.Model):
    """A cancel or replace request. A refused one leaves the order exactly as it was.

    The ClOrdIDs of an order form a chain (FIX): the root is the order's own, each accepted replace
    hangs on the one before it. `orig_cl_ord_id` is the last that was not refused when this was asked.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="requests")
    client = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=RequestKind.choices)
    cl_ord_id = models.CharField(max_length=64)
    orig_cl_ord_id = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=12, choices=RequestState.choices, default=RequestState.REQUESTED)
    reason_code = models.CharField(max_length=40, blank=True, default="")
    reason_text = models.TextField(blank=True, default="")
    requested_by = models.CharField(max_length=100)
    requested_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    # A replace asks for all of these; a cancel for none.
    order_qty = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    price = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    stop_px = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    time_in_force = models.CharField(max_length=8, blank=True, default="")
    former = models.JSONField(null=True, help_text="The terms that an accepted replace took the place of.")
    check_report = models.JSONField(default=list)
    #: By which version of the rules a replace was checked, and when: it is sent only while that holds.
    ruleset = models.UUIDField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    fresh_until = models.DateTimeField(null=True, help_text="A replace is not sent after this time.")
    ack_deadline = models.DateTimeField(null=True)
    looks = models.SmallIntegerField(default=0, help_text="Complete looks that showed the old terms.")
    last_look_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "cl_ord_id"], name="order_request_unique_cl_ord_id"),
            models.UniqueConstraint(fields=["client", "cl_ord_id"], name="order_request_unique_for_client"),
            # Replaces may queue up; only one of them is on the wire at a time.
            models.UniqueConstraint(
                fields=["order", "kind"],
                condition=Q(state__in=[s.value for s in OPEN_REQUESTS], kind="CANCEL"),
                name="order_request_one_open_cancel",
            ),
        ]
        indexes = [
            models.Index(fields=["requested_at"], name="order_request_asked"),  # how many within a minute
            # The sweep asks for these every second, however many were ever answered.
            models.Index(
                fields=["kind", "state"],
                condition=Q(state__in=[s.value for s in OPEN_REQUESTS]),
                name="order_request_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether the broker has not answered yet."""
        return self.state in OPEN_REQUESTS

    @property
    def is_in_flight(self) -> bool:
        """Whether it is, or may be, at the broker."""
        return self.state in (RequestState.SENT, RequestState.UNCONFIRMED)

    @property
    def was_outrun(self) -> bool:
        """Whether the order's end alone refused it; the broker may have taken it before."""
        return self.sent_at is not None and self.reason_code == OUTRUN

    @property
    def terms(self) -> Terms:
        """The terms that a replace asks for."""
        assert self.order_qty is not None  # noqa: S101 - replaces always carry it
        return Terms(self.order_qty, self.price, self.stop_px, self.time_in_force)

    def answer(self, state: RequestState, at: datetime, code: str = "", text: str = "") -> None:
        """It is over: accepted or refused, why, and in whose words."""
        self.state, self.answered_at = state, at
        self.reason_code, self.reason_text = code, text

    def doubt(self) -> None:
        """The broker's answer is missing or settles nothing: to be resolved by looking."""
        self.state, self.looks, self.last_look_at = RequestState.UNCONFIRMED, 0, None

    def ask_again(self) -> None:
        """It is known not to be at the broker: it waits to be sent, as if for the first time."""
        self.state, self.sent_at, self.ack_deadline = RequestState.REQUESTED, None, None

    @property
    def asked(self) -> dict[str, object]:
        """What a replace asks for, as events keep it."""
        return {"cl_ord_id": self.cl_ord_id, "terms": self.terms.as_json()}


def accept_replace(order: Order, request: OrderRequest, cause: Cause) -> None:
    """The new terms are in force. The caller stores both and settles the order."""
    request.former = order.terms.as_json()
    order.terms = request.terms
    request.answer(RequestState.ACCEPTED, cause.at)
    order.record_event(
        EventKind.REPLACE_ACCEPTED, cause.saying(data={**request.asked, "former": request.former})
    )


def refuse_request(order: Order, request: OrderRequest, code: str, cause: Cause) -> None:
    """The request is over, the order lives on exactly as it was. The caller stores both."""
    request.answer(RequestState.REFUSED, cause.at, code, cause.text or reason(code).text)
    kind = EventKind.CANCEL_REFUSED if request.kind == RequestKind.CANCEL else EventKind.REPLACE_REFUSED
    order.record_event(
        kind, cause.saying(request.reason_text, {**cause.data, "cl_ord_id": request.cl_ord_id})
    )
