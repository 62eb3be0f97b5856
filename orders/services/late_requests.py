"""Cancel requests that the order outran: whoever waits for them is released."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    Cause,
    CommandKind,
    EventKind,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestState,
    State,
)
from orders.models.reasons import reason
from orders.services import book

LATE = "TOO_LATE_TO_CANCEL"


def close_late(session: str, *, asked_before: datetime) -> int:
    """Answer open requests of orders that are over, asked before this time; how many."""
    waiting = OrderRequest.objects.filter(
        order__session_id=session, state__in=OPEN_REQUESTS, requested_at__lt=asked_before
    ).exclude(order__state__in=ALIVE)
    ids = sorted(set(waiting.values_list("order_id", flat=True)))
    if not ids:
        return 0
    now = timezone.now()
    with transaction.atomic():
        orders = list(Order.objects.select_for_update().filter(pk__in=ids).order_by("id"))
        for order in orders:
            _close(order, Cause(actor="lifecycle", at=now))
        book.store(orders)
        waiting_commands = OutboxCommand.objects.filter(
            order__in=orders, kind=CommandKind.CANCEL, done_at=None
        )
        waiting_commands.update(done_at=now, error="the order was over")
    return len(orders)


def _close(order: Order, cause: Cause) -> None:
    canceled = order.state == State.CANCELED
    for request in order.requests.filter(state__in=OPEN_REQUESTS):
        request.state = RequestState.ACCEPTED if canceled else RequestState.REFUSED
        request.reason_code = "" if canceled else LATE
        request.reason_text = "" if canceled else reason(LATE).text
        request.answered_at = cause.at
        request.save(update_fields=["state", "reason_code", "reason_text", "answered_at"])
        order.note(EventKind.CANCEL_ACCEPTED if canceled else EventKind.CANCEL_REFUSED, cause)
