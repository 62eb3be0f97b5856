"""Commissions that do not come: a filled order waits for them, and past the grace says so."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from orders.models import AlertKind, Cause, EventKind, Execution, Order, Source
from orders.models.execution import charged, uncharged
from orders.notify.alerts import raise_alert
from orders.store.orders import store_orders

BATCH_SIZE = 200


def grace() -> timedelta:
    """How long a commission may lag behind its execution before somebody is told."""
    return timedelta(seconds=settings.COMMISSION_GRACE)


def mark_missing(session: str) -> int:
    """Mark orders whose executions still have no commission past the grace; how many.

    A commission that comes later is booked like any other and takes the mark away.
    """
    late = Execution.objects.filter(
        order__session_id=session,
        order__commission_missing=False,
        commission=None,
        superseded=False,
        last_qty__gt=0,
        received_at__lt=timezone.now() - grace(),
    ).exclude(order__source=Source.EXTERNAL)
    ids = sorted(set(late.values_list("order_id", flat=True)[:BATCH_SIZE]))
    if not ids:
        return 0
    with transaction.atomic():
        orders = list(Order.objects.select_for_update().filter(pk__in=ids).order_by("id"))
        executions = _executions(ids)
        for order in orders:
            _mark(order, uncharged(charged(order, executions[order.id])))
        store_orders(orders)
    return len(orders)


def _executions(ids: list[UUID]) -> dict[UUID, list[Execution]]:
    found: defaultdict[UUID, list[Execution]] = defaultdict(list)
    for execution in Execution.objects.filter(order__in=ids).order_by("id"):
        found[execution.order_id].append(execution)
    return found


def _mark(order: Order, missing: list[Execution]) -> None:
    if not missing or order.commission_missing:
        return
    names = [execution.exec_id for execution in missing]
    text = f"The broker has not told the commission of {len(names)} execution(s) of this order."
    order.commission_missing = True
    cause = Cause(actor="lifecycle", at=timezone.now(), text=text, data={"exec_ids": names})
    order.record_event(EventKind.COMMISSION_MISSING, cause)
    raise_alert(AlertKind.COMMISSION_MISSING, order=order, text=text)
