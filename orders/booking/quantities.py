"""What the executions make of an order: its quantities, and the state that follows from them.

Any execution may come twice, late, or before the one it corrects. So quantities are computed from those that
count, never added up.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from brokers.formats import decimal_text
from brokers.messages import OrderReport, WorkingStatus
from orders.instruments import trading_days
from orders.models import DEAD, EXECUTED, AlertKind, Cause, EventKind, Execution, Order, Split, State
from orders.models.execution import (
    Allocated,
    average_px,
    charged,
    corrects_unheard,
    executed,
    first_days,
    has_executed,
    is_uneven,
    taken_back,
    total_qty,
    uncharged,
    version_root,
)
from orders.models.middle_office.corporate_actions import known_split
from orders.notify.alerts import clear_alert, raise_alert
from orders.sending.unknown_outcome import mark_unconfirmed

#: Ends after which the broker executes nothing more, whatever is taken back later.
ENDS = (State.CANCELED, State.EXPIRED)
#: An execution says more of the order than these do.
UNCERTAIN = (
    State.CREATED,
    State.SENT,
    State.UNCONFIRMED,
    State.ACCEPTED,
    State.REJECTED,
    State.FAILED,
)


def recount(order: Order, executions: Iterable[Execution]) -> None:
    """Compute the quantities afresh: before the event of an execution is noted, which says them."""
    known = list(executions)
    counting, days = executed(order, known), first_days(known)
    order.cum_qty, order.avg_px = total_qty(counting), average_px(counting)
    order.trade_date = max((days[version_root(one)] for one in counting), default=None)
    of_day = [one for one in counting if days[version_root(one)] == order.trade_date]
    order.day_cum_qty, order.day_avg_px = total_qty(of_day), average_px(of_day)


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
        order.record_event(EventKind.OVERFILLED, cause.saying(text))
        order.hold(cause.saying(text))
        raise_alert(AlertKind.OVERFILL, order=order, text=text)
    else:
        order.touched = True
        order.release(cause)
        clear_alert(AlertKind.OVERFILL, order=order)


def alert_to_surprises(order: Order, execution: Execution, *, corrects: bool) -> None:
    """Tell a person of an execution that changes what was true: a bust, a correction, one after the end."""
    what = f"{decimal_text(execution.last_qty)} at {decimal_text(execution.last_px)} ({execution.exec_id})"
    if execution.superseded:
        return
    if not execution.last_qty:  # also where it is heard before what it busts
        kind, text = AlertKind.BUST, f"Nothing is left of it: {execution.exec_id}."
    elif corrects:
        kind, text = AlertKind.CORRECTION, f"Now {what}."
    elif order.state in DEAD and execution.allocated != Allocated.SHARE:  # the whole has told it
        kind, text = AlertKind.LATE_FILL, f"The order was {order.state} when {what} came."
    else:
        return
    raise_alert(kind, order=order, subject=execution.exec_root[:120], text=text)


def remember_end(order: Order, status: str) -> None:
    """The broker says that a filled order is over: what a bust takes back will not be executed again.

    One that had expired before it was filled late has not been canceled since.
    """
    if order.state in EXECUTED and status in ENDS and order.closed_as not in (status, State.EXPIRED):
        order.closed_as = status
        order.touched = True


def is_filled_but_for_busts(order: Order, executions: Iterable[Execution], report: OrderReport) -> bool:
    """Whether the broker has filled it, and what is missing of it here was taken back.

    Its completed orders cannot change any more: what was taken back is not executed again. Their totals may
    have it still. How much was taken back of what was never told here, they tell by having what we have.
    """
    is_over = report.status is WorkingStatus.FILLED and report.source == "completedOrder"
    if not is_over or order.cum_qty >= order.order_qty:
        return False
    if order.cum_qty and report.cum_qty == order.cum_qty and corrects_unheard(executions):
        return True
    most = order.cum_qty + taken_back(order, executions)
    return most >= order.order_qty and (report.cum_qty or 0) <= most


def rescale(order: Order, executions: Iterable[Execution], order_qty: Decimal) -> list[Execution]:
    """A corporate action: quantities of the past count as many times as the order's own (FIX rule 7)."""
    factor = Fraction(order_qty) / Fraction(order.order_qty)
    changed = list(executions) if factor != 1 else []
    for execution in changed:
        execution.rescale(factor)
    return changed


def note_split(order: Order, order_qty: Decimal, cause: Cause) -> None:
    """A restated order tells of a split of its contract, unless another source has told it."""
    ratio, con_id = Fraction(order_qty) / Fraction(order.order_qty), order.instrument.con_id
    ex_date = trading_days.date_of(order, cause.at)
    if ratio == 1 or not con_id or known_split(con_id, ex_date):
        return
    Split.objects.create(
        con_id=con_id,
        new_con_id=con_id,
        symbol=order.instrument.symbol,
        ex_date=ex_date,
        numerator=ratio.numerator,
        denominator=ratio.denominator,
        source=f"order {order.cl_ord_id}, restated by the broker"[:200],
        entered_by="broker",
    )


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
    elif order.state in UNCERTAIN and has_executed(executions):
        _leg_alone(order, cause)
    if order.reason_code and order.state not in DEAD and not order.closed_as:
        order.reason_code = order.reason_text = ""  # why it is over is said only while it is
        order.touched = True
    settle_costs(order, executions, cause)


def settle_costs(order: Order, executions: Iterable[Execution], cause: Cause) -> None:
    """A filled order whose commissions are all told is completed; no other state depends on them."""
    missing = uncharged(charged(order, executions))
    if order.commission_missing and not missing:
        order.commission_missing = False
        order.touched = True
        clear_alert(AlertKind.COMMISSION_MISSING, order=order)
    frozen = order.overfilled and order.held_for_desk
    unsettled = bool(missing or frozen or is_uneven(order, executions))
    if order.state == State.COMPLETED and unsettled:
        _reopen(order, cause)  # an execution came after its last commission: a correction, a crossing replace
    elif order.state == State.FILLED and not unsettled:
        order.completed_at = cause.at
        order.complete(cause)


def _leg_alone(order: Order, cause: Cause) -> None:
    """Of a combination a leg was executed and nothing of the whole: the broker works it."""
    if order.state in (State.REJECTED, State.FAILED):
        mark_unconfirmed(order, cause)
    else:
        order.work(cause)


def _partly(order: Order, cause: Cause) -> None:
    if order.state in EXECUTED:
        _reopen(order, cause)
    elif order.state in (State.REJECTED, State.FAILED):
        mark_unconfirmed(order, cause)  # held dead, yet executed: the rest may be alive
    elif order.is_alive and order.state != State.PARTIALLY_FILLED:
        order.part_fill(cause)


def size_changed(order: Order) -> bool:
    """Whether what it may execute was changed, by other than executions: its group has to follow."""
    changes = (EventKind.REPLACE_ACCEPTED, EventKind.TERMS_CHANGED)
    return order.state in DEAD or any(event.kind in changes for event in order.pending_events)


def _reopen(order: Order, cause: Cause) -> None:
    order.completed_at = None
    order.reopen(cause)
