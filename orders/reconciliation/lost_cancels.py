"""Cancels that got lost: asked again, ever more slowly, and a person is told.

A cancel is safe to repeat. One that a gateway never answers is not repeated for ever at the same pace, and
not given up either: only the order's end answers it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q

from brokers.messages import Snapshot, WorkingStatus
from brokers.postgres import clock
from orders.models import (
    AT_BROKER,
    OPEN_REQUESTS,
    Alert,
    AlertKind,
    Cause,
    Order,
    OrderRequest,
    RequestKind,
    RequestState,
)
from orders.notify.alerts import raise_alert
from orders.sending.answers import repeat_cancel
from orders.store.orders import store_orders

#: So many without an answer are a person's to know.
TOLD_AFTER = 3
LONGEST_PAUSE = timedelta(minutes=5)
WORKING = (WorkingStatus.WORKING, WorkingStatus.HELD)


def pause(asked: int) -> timedelta:
    """How long the answer of a cancel that was asked so many times is waited for: twice as long each time."""
    first = timedelta(seconds=settings.ACK_DEADLINE)
    return min(LONGEST_PAUSE, first * int(2 ** min(asked - 1, 16)))


def repeat(session: str, snapshot: Snapshot) -> int:
    """Cancels of orders that work: lost with a connection or by the gateway, or refused while in doubt."""
    asked = OrderRequest.objects.filter(
        Q(state=RequestState.SENT, sent_at__lt=_latest(snapshot)) | Q(state=RequestState.UNCONFIRMED),
        kind=RequestKind.CANCEL,
    )
    if not asked.exists():
        return 0
    perm_ids = [report.identity.perm_id for report in snapshot.orders if report.status in WORKING]
    repeated = []
    with transaction.atomic():
        first = Q(perm_id__in=perm_ids, state__in=AT_BROKER)
        another = Q(duplicates__perm_id__in=perm_ids, duplicates__is_over=False)
        living = Order.objects.filter(first | another, session_id=session, requests__in=asked)
        orders = list(Order.objects.filter(pk__in=living.values("pk")).select_for_update().order_by("id"))
        counted = asked.filter(order__in=orders).annotate(times=Count("outboxcommand"))
        requests = {request.order_id: request for request in counted}
        for order in orders:
            request = requests.get(order.id)  # else it was answered meanwhile
            if request and _is_lost(request, request.times, snapshot):
                _tell(order, request.times)
                repeat_cancel(order, request, Cause(actor="reconciliation", at=clock.now()))
                repeated.append(order)
        store_orders(repeated)
    return len(repeated)


def clear_answered(session: str) -> None:
    """A cancel that was answered after all needs nobody."""
    told = Alert.objects.filter(kind=AlertKind.CANCEL_UNANSWERED, session_id=session, cleared_at=None)
    waiting = OrderRequest.objects.filter(kind=RequestKind.CANCEL, state__in=OPEN_REQUESTS)
    told.exclude(order__requests__in=waiting).update(cleared_at=clock.now(), cleared_by="system")


def _latest(snapshot: Snapshot) -> datetime:
    """What was sent after this may still be answered."""
    return max(snapshot.started_at - pause(1), snapshot.connection_started_at)


def _is_lost(request: OrderRequest, asked: int, snapshot: Snapshot) -> bool:
    """Whether it was lost with its connection, or its answer was waited for long enough."""
    sent_at = request.sent_at
    if request.state == RequestState.UNCONFIRMED or sent_at is None:
        return True
    return sent_at < max(snapshot.started_at - pause(asked), snapshot.connection_started_at)


def _tell(order: Order, asked: int) -> None:
    if asked >= TOLD_AFTER:
        text = f"The broker has not answered {asked} cancels of this order, and shows it as working."
        raise_alert(AlertKind.CANCEL_UNANSWERED, order=order, text=text)
