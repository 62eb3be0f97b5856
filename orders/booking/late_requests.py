"""Requests that the order outran: whoever waits for them is released."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from brokers.postgres import clock
from orders.models import (
    ALIVE,
    EXECUTED,
    OPEN_REQUESTS,
    Cause,
    EventKind,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
    State,
)
from orders.models.requests import OUTRUN, refuse_request
from orders.sending.claim import raisable
from orders.store.orders import store_orders

LATE = {
    RequestKind.CANCEL: "TOO_LATE_TO_CANCEL",
    RequestKind.REPLACE: OUTRUN,
}


def close_late(session: str, *, asked_before: datetime) -> int:
    """Answer open requests of orders that are over, asked before this time; how many orders.

    A replace that raises the quantity of a filled order is not late while the broker has it: it may have
    taken it before the last fill. One that waits is late unless such an order can be raised.
    """
    waiting = OrderRequest.objects.filter(
        order__session_id=session, state__in=OPEN_REQUESTS, requested_at__lt=asked_before
    ).exclude(order__state__in=ALIVE)
    raising = Q(kind=RequestKind.REPLACE, order_qty__gt=F("order__cum_qty"))
    asked = Q(state=RequestState.SENT, order__state__in=EXECUTED)
    goes_out = Q(state=RequestState.REQUESTED, order__state__in=raisable(session))
    # A cancel of an order that is there twice waits for the other one.
    late = waiting.exclude(raising & (asked | goes_out)).exclude(order__duplicates__is_over=False)
    ids = sorted(set(late.values_list("order_id", flat=True)))
    if not ids:
        return 0
    now = clock.now()
    with transaction.atomic():
        orders = list(Order.objects.select_for_update().filter(pk__in=ids).order_by("id"))
        requests = list(late.filter(order__in=orders).order_by("id"))
        for order in orders:
            for request in requests:
                if request.order_id == order.id:
                    _close(order, request, Cause(actor="lifecycle", at=now))
        store_orders(orders)
        OutboxCommand.objects.filter(request__in=requests, done_at=None).update(
            done_at=now, error="the order was over"
        )
    return len(orders)


def _close(order: Order, request: OrderRequest, cause: Cause) -> None:
    if request.kind == RequestKind.CANCEL and order.state == State.CANCELED:
        request.answer(RequestState.ACCEPTED, cause.at)
        order.record_event(EventKind.CANCEL_ACCEPTED, cause)
    else:
        refuse_request(order, request, LATE[RequestKind(request.kind)], cause)
    request.save()
