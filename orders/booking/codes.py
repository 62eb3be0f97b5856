"""What a code of the broker does to an order, or to our requests on it, by the meaning that the adapter gave.

Comes in: one error at a time, on an order that is locked in the working set. Goes out: the order moved in
memory, requests answered. A code says little: which of several requests it means, and whether it came late,
follows from what is known of the order. Where it proves nothing, a snapshot of the broker is asked for.
"""

from __future__ import annotations

from datetime import timedelta

from brokers.messages import ErrorReport, Refusal, WorkingStatus
from orders.booking import effects, request_answers
from orders.booking.working_set import WorkingSet
from orders.models import AlertKind, Cause, EventKind, Order, State
from orders.notify.alerts import raise_alert
from orders.sending import refusals, unknown_outcome

#: Codes that may end an order.
ENDS = (Refusal.ORDER_REJECTED, Refusal.REJECTED_IF_NEW, Refusal.ORDER_CANCELED)
#: So long after a gateway has echoed a replace the broker may still refuse it.
ECHO_HOLDS = timedelta(seconds=10)


def follow(known: WorkingSet, order: Order, report: ErrorReport, cause: Cause) -> bool:
    """Do to the order what the code means; whether a snapshot of the broker is needed."""
    meaning = report.meaning
    if meaning in (Refusal.WARNING, Refusal.CANCEL_UNDER_WAY):
        # The cancel that we asked for is being done, or was: the order's end answers it.
        order.record_event(EventKind.BROKER_NOTICE, cause)
        return meaning is Refusal.CANCEL_UNDER_WAY
    if meaning is Refusal.LOOK_UP:
        return _unclear(known, order, cause)
    if meaning is Refusal.UNKNOWN:
        text = f"Code {report.code} is not in our table, so the order was looked up: {report.text}"
        raise_alert(AlertKind.UNKNOWN_CODE, order=order, subject=str(report.code), text=text)
        return _unclear(known, order, cause)
    if meaning not in ENDS:
        return _refused(known, order, report, cause, meaning)
    if meaning is not Refusal.ORDER_CANCELED:
        # A rejection may mean a change instead: of an order that the broker took long ago it mostly does.
        is_taken = order.perm_id is not None and order.state != State.SENT
        if _was_just_replaced(known, order, cause):
            return _unclear(known, order, cause)
        if is_taken and request_answers.in_flight(known, order):
            return _refused(known, order, report, cause, Refusal.REPLACE_REFUSED)
        if is_taken and meaning is Refusal.REJECTED_IF_NEW:
            return _refused(known, order, report, cause, Refusal.REQUEST_REFUSED)
        if is_taken and not _means_the_order(order, report):
            return _unclear(known, order, cause)
    is_rejected = meaning is not Refusal.ORDER_CANCELED and order.cum_qty == 0
    status = WorkingStatus.REJECTED if is_rejected else WorkingStatus.CANCELED
    effects.close(known, order, status, cause)
    return False


def _was_just_replaced(known: WorkingSet, order: Order, cause: Cause) -> bool:
    """Whether it may mean a replace that the gateway had echoed before the broker refused it."""
    replaced = [r.answered_at for r in known.requests(order) if r.former and r.answered_at]
    return bool(replaced) and cause.at - max(replaced) < ECHO_HOLDS


def _means_the_order(order: Order, report: ErrorReport) -> bool:
    """Whether a rejection is of the order itself: one that is over, inactive, or named by its reference.

    IB names the number only, and says the same of a change that it refuses: told twice, or asked by a hand.
    """
    is_named = bool(report.identity.order_ref)
    return is_named or not order.is_alive or refusals.is_inactive(order)


def _refused(known: WorkingSet, order: Order, report: ErrorReport, cause: Cause, meaning: Refusal) -> bool:
    """A request was refused: the order is over already, or lives on. The next snapshot tells which."""
    order.record_event(EventKind.BROKER_NOTICE, cause.saying(data={**cause.data, refusals.MEANING: meaning}))
    request = request_answers.refused_one(known, order, meaning, report.cl_ord_id)
    if request:
        named = bool(report.cl_ord_id)
        request_answers.refuse_one(known, order, request, meaning, cause, named=named)
    return True


def _unclear(known: WorkingSet, order: Order, cause: Cause) -> bool:
    """A code that proves nothing: never the end of an order, always a reason for a snapshot."""
    order.record_event(EventKind.BROKER_NOTICE, cause)
    request_answers.mark_replaces_unconfirmed(known, order, cause)
    if order.state == State.SENT:
        unknown_outcome.mark_unconfirmed(order, cause)
    return True
