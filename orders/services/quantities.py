"""Quantities follow from the executions that count, and the state follows from the quantities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from brokers.fix import SecType
from brokers.formats import decimal_text
from orders.models import EXECUTED, AlertKind, Cause, EventKind, Execution, Order, State
from orders.services.absence import put_in_doubt
from orders.services.alerts import clear_alert, raise_alert

#: Ends after which the broker executes nothing more, whatever is taken back later.
ENDS = (State.CANCELED, State.EXPIRED)
PX_STEP = Decimal("1e-10")


def recount(order: Order, executions: Iterable[Execution]) -> None:
    """Compute the quantities afresh: before the event of an execution is noted, which says them."""
    known = list(executions)
    counting, days = executed(order, known), first_days(known)
    order.cum_qty, order.avg_px = total_qty(counting), average_px(counting)
    order.trade_date = max((days[version_root(one)] for one in counting), default=None)
    of_day = [one for one in counting if days[version_root(one)] == order.trade_date]
    order.day_cum_qty, order.day_avg_px = total_qty(of_day), average_px(of_day)


def first_days(executions: Iterable[Execution]) -> dict[str, date]:
    """The trading day of each execution: that of its earliest version, whenever it was corrected."""
    found: dict[str, date] = {}
    for one in executions:
        day = one.trade_date or one.transact_time.date()  # stored before trading days were
        root = version_root(one)
        found[root] = min(found.get(root, day), day)
    return found


def version_root(execution: Execution) -> str:
    """What all versions of one execution have in common."""
    return execution.exec_root or execution.exec_id


def in_force(executions: Iterable[Execution]) -> list[Execution]:
    """The executions that count: those that no correction replaced."""
    return [execution for execution in executions if not execution.superseded]


def watch_overfill(order: Order, ceiling: Decimal, cause: Cause) -> None:
    """More executed than the broker was ever allowed: booked, frozen, and a person is told.

    A bust may take it back. What was executed before a quantity was lowered is no overfill.
    """
    over = order.cum_qty > ceiling
    if over == order.overfilled:
        return
    order.overfilled = over
    if over:
        text = f"{decimal_text(order.cum_qty)} executed, {decimal_text(ceiling)} ordered at most"
        order.note(EventKind.OVERFILLED, cause.saying(text))
        order.hold(cause.saying(text))
        raise_alert(AlertKind.OVERFILL, order=order, text=text)
    else:
        order.touched = True
        order.release(cause)
        clear_alert(AlertKind.OVERFILL, order=order)


def executed(order: Order, executions: Iterable[Execution]) -> list[Execution]:
    """The executions that make up the order's quantity: of a combination, those of the whole."""
    counting = in_force(executions)
    return [one for one in counting if one.sec_type == SecType.BAG] if order.is_combination else counting


def charged(order: Order, executions: Iterable[Execution]) -> list[Execution]:
    """The executions that a commission is charged for: of a combination, those of its legs."""
    counting = in_force(executions)
    return [one for one in counting if one.sec_type != SecType.BAG] if order.is_combination else counting


def remember_end(order: Order, status: str) -> None:
    """The broker says that a filled order is over: what a bust takes back will not be executed again."""
    if order.state in EXECUTED and status in ENDS and order.closed_as != status:
        order.closed_as = status
        order.touched = True


def rescale(order: Order, executions: Iterable[Execution], order_qty: Decimal) -> list[Execution]:
    """A corporate action: quantities of the past count as many times as the order's own (FIX rule 7)."""
    factor = order_qty / order.order_qty
    changed = list(executions) if factor != 1 else []
    for execution in changed:
        execution.scale *= factor
    return changed


def settle(order: Order, executions: Iterable[Execution], cause: Cause) -> None:
    """Move the order to where its quantities say it is."""
    if order.cum_qty >= order.order_qty:
        if order.state not in EXECUTED:
            order.closed_as = order.state if order.state in ENDS else order.closed_as
            order.fill(cause)
    elif order.cum_qty > 0:
        _partly(order, cause)
    elif order.state in (State.PARTIALLY_FILLED, *EXECUTED):
        _reopen(order, cause)
    missing = uncharged(charged(order, executions))
    if order.commission_missing and not missing:
        order.commission_missing = False
        order.touched = True
        clear_alert(AlertKind.COMMISSION_MISSING, order=order)
    frozen = order.overfilled and order.held_for_desk
    unsettled = bool(missing or frozen)
    if order.state == State.COMPLETED and unsettled:
        _reopen(order, cause)  # an execution came after its last commission: a correction, a crossing replace
    elif order.state == State.FILLED and not unsettled:
        order.completed_at = cause.at
        order.complete(cause)


def _partly(order: Order, cause: Cause) -> None:
    if order.state in EXECUTED:
        _reopen(order, cause)
    elif order.state in (State.REJECTED, State.FAILED):
        put_in_doubt(order, cause)  # held dead, yet executed: the rest may be alive
    elif order.is_alive and order.state != State.PARTIALLY_FILLED:
        order.part_fill(cause)


def _reopen(order: Order, cause: Cause) -> None:
    order.completed_at = None
    order.reopen(cause)


def uncharged(executions: Iterable[Execution]) -> list[Execution]:
    """Those that wait for their commission; nothing is charged for a busted one."""
    return [one for one in executions if one.commission is None and one.last_qty]


def total_qty(executions: Iterable[Execution]) -> Decimal:
    """What the executions come to, in the units of today."""
    return sum((one.last_qty * one.scale for one in executions), Decimal(0))


def average_px(executions: Iterable[Execution]) -> Decimal:
    """Quantity-weighted price of the executions; 0 when nothing was executed."""
    rows = list(executions)
    total = total_qty(rows)
    value = sum((row.last_qty * row.last_px for row in rows), Decimal(0))
    return (value / total).quantize(PX_STEP) if total else Decimal(0)


def supersede(executions: Sequence[Execution], new: Execution) -> list[Execution]:
    """Mark the versions that `new` replaces, or `new` itself when a later one is known; the changed ones.

    IB corrects an execution by one that differs after the last dot of its id (".02" replaces ".01").
    """
    versions = [e for e in executions if e.exec_root and e.exec_root == new.exec_root]
    if len(versions) < 2:
        return []
    newest = max(versions, key=_version)
    changed = [e for e in versions if e is not newest and not e.superseded]
    for execution in changed:
        execution.superseded = True
    return [execution for execution in changed if execution.pk is not None]


def _version(execution: Execution) -> tuple[int, str]:
    last = execution.exec_id.rpartition(".")[2]
    return (int(last) if last.isdigit() else 0, last)
