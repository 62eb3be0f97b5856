"""Commissions that do not come: a filled order waits for them, and past the grace says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from brokers.messages import CommissionReport
from brokers.postgres import clock, storable
from orders.booking import quantities
from orders.models import AlertKind, Cause, EventKind, Execution, Order, Source
from orders.models.execution import WHOLES, charged, newest, uncharged, version_root
from orders.notify.alerts import raise_alert
from orders.store.orders import store_orders

BATCH_SIZE = 200
SMALLEST = Decimal("1e-6")
#: A broker tells the commissions of its day: what it has not told by then costs nothing.
FREE_AFTER = timedelta(hours=24)


def take(one: Execution, report: CommissionReport, same_id: Sequence[Execution], at: datetime) -> bool:
    """Take a report into an execution; whether it says anything new.

    `same_id` are the executions of this id: accounts of a group order share a report by their quantities.
    One that waited in the inbox while a newer one was taken tells only what that one left open.
    """
    amount = storable.number(report.commission)
    if amount is None and report.commission is not None:  # what no column holds is parked for a person
        raise ValueError(f"a commission of {storable.text(str(report.commission), 40)} cannot be booked")
    told = {
        "commission": _share(one, amount, same_id),
        "realized_pnl": _share(one, storable.number(report.realized_pnl), same_id),
        "commission_currency": storable.text(report.currency, 8) or None,
    }
    if told["commission"] is None and told["realized_pnl"] is None:
        return False
    is_late = one.commission_at is not None and at < one.commission_at
    changes = {name: value for name, value in told.items() if value not in (None, getattr(one, name))}
    if is_late:
        changes = {name: value for name, value in changes.items() if getattr(one, name) in (None, "")}
    for name, value in changes.items():
        setattr(one, name, value)
    one.commission_at = max(at, one.commission_at or at)
    return bool(changes)


def carry_over(executions: Sequence[Execution]) -> list[Execution]:
    """Corrections take the commission of what they correct until their own is told; those that changed.

    The broker gives none back when it corrects: what it charged for the version before stays charged.
    """
    corrected = [e for e in executions if e.superseded and e.last_qty and e.commission_at]
    changed = []
    for one in executions if corrected else ():
        if one.superseded or not one.last_qty or one.commission_at:
            continue
        told = [e for e in corrected if version_root(e) == version_root(one)]
        if told and (before := newest(told)).commission not in (None, one.commission):
            one.commission, one.commission_currency = before.commission, before.commission_currency
            changed.append(one)
    return changed


def _share(one: Execution, amount: Decimal | None, same_id: Sequence[Execution]) -> Decimal | None:
    """Its part of an amount told once for all executions of the id; the last one takes what is left over."""
    total = sum((execution.last_qty for execution in same_id), Decimal(0))
    if amount is None or len(same_id) == 1 or not total:
        return amount
    parts = [(amount * e.last_qty / total).quantize(SMALLEST, ROUND_DOWN) for e in same_id[:-1]]
    return [*parts, amount - sum(parts)][same_id.index(one)]


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
        received_at__lt=clock.now() - grace(),
    ).exclude(Q(order__source=Source.EXTERNAL) | WHOLES)
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


def book_unreported(session: str) -> int:
    """Executions of which no commission was told for a day were free: booked so; how many.

    Their order would never be completed otherwise. A report that comes all the same is taken.
    """
    waiting = Execution.objects.filter(
        order__session_id=session,
        commission=None,
        superseded=False,
        last_qty__gt=0,
        received_at__lt=clock.now() - FREE_AFTER,
    ).exclude(WHOLES)
    ids = list(waiting.order_by("id").values_list("id", flat=True)[:BATCH_SIZE])
    return book_free(ids, actor="lifecycle", why="The broker has told no commission for a day: none is due.")


def book_free(execution_ids: Sequence[int], *, actor: str, why: str) -> int:
    """Book no commission on those of these executions that still wait for one; how many."""
    if not execution_ids:
        return 0
    now = clock.now()
    with transaction.atomic():
        named = Order.objects.filter(executions__in=execution_ids).values("pk")
        orders = list(Order.objects.select_for_update().filter(pk__in=named).order_by("id"))
        executions = _executions([order.id for order in orders])
        count = 0
        for order in orders:
            waiting = [e for e in uncharged(charged(order, executions[order.id])) if e.pk in execution_ids]
            for execution in waiting:
                execution.commission, execution.commission_at = Decimal(0), now
                execution.save(update_fields=["commission", "commission_at"])
            if waiting:
                data = {"exec_ids": [execution.exec_id for execution in waiting], "commission": "0"}
                cause = Cause(actor=actor, at=now, text=why, data=data)
                order.record_event(EventKind.COMMISSION, cause)
                quantities.settle_costs(order, executions[order.id], cause)
                count += len(waiting)
        store_orders(orders)
    return count


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
    cause = Cause(actor="lifecycle", at=clock.now(), text=text, data={"exec_ids": names})
    order.record_event(EventKind.COMMISSION_MISSING, cause)
    raise_alert(AlertKind.COMMISSION_MISSING, order=order, text=text)
