"""What a status word of the broker does to an order: held, working, over.

Comes in: one report at a time, on an order that is locked in the working set. Goes out: the order moved in
memory, requests answered, a snapshot asked for. It never writes: `booking.apply` stores a batch as a whole.

Any report may come twice, late, or before the one it belongs to. So the state follows from the quantities
(`quantities`), and no older word leaves a terminal state. Which request a word answers: `request_answers`.
"""

from __future__ import annotations

from brokers.fix import LASTING
from brokers.messages import ExecutionReport, OrderReport, WorkingStatus
from orders.booking import quantities, request_answers
from orders.booking.duplicates import OVER
from orders.booking.groups import group_reason
from orders.booking.working_set import WorkingSet
from orders.models import (
    AT_BROKER,
    DEAD,
    EXECUTED,
    AlertKind,
    Cause,
    EventKind,
    Order,
    RequestKind,
    Source,
    State,
)
from orders.models.execution import has_executed
from orders.models.ord_status import STANDINGS
from orders.models.reasons import reason
from orders.notify.alerts import raise_alert
from orders.sending import refusals
from orders.sending.unknown_outcome import mark_unconfirmed

#: Not (yet) said to be working. A pending request says nothing of the order's own state.
HELD = (WorkingStatus.HELD, WorkingStatus.IN_TRANSIT, WorkingStatus.SUSPENDED)
PENDING = (WorkingStatus.PENDING_CANCEL, WorkingStatus.PENDING_REPLACE)
WORKING = (WorkingStatus.WORKING, WorkingStatus.FILLED, WorkingStatus.STOPPED)
DAY_OVER = (WorkingStatus.DONE_FOR_DAY, WorkingStatus.CALCULATED)
TAKEN_BACK = "It was filled; what the broker took back of it is not executed again."


# --- what the order is doing -----------------------------------------------------------------------
def follow(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> bool:
    """Move the order to what the broker says it is doing; whether a snapshot of the broker is needed."""
    status = report.status
    if status is WorkingStatus.UNKNOWN:
        return _unknown_word(order, report, cause)
    if status not in (*PENDING, WorkingStatus.IN_TRANSIT, WorkingStatus.INACTIVE):
        _stand(order, status, cause)
    if status in (*HELD, *PENDING):
        _hold(order, report, cause)
    elif order.is_alive and quantities.is_filled_but_for_busts(order, known.executions(order), report):
        close(known, order, WorkingStatus.CANCELED, cause.saying(TAKEN_BACK))
    elif status in WORKING:
        acknowledge(order, cause, working=True)
    elif status is WorkingStatus.INACTIVE:
        _inactive(known, order, report, cause)
    elif status in DAY_OVER:
        _end_day(order, cause)
    else:
        close(known, order, status, cause)
    # "Filled", or "canceled" after so much, is no execution: those are fetched, not invented.
    said = order.order_qty if status is WorkingStatus.FILLED else report.cum_qty
    short = status in OVER and said is not None and order.cum_qty < said
    short = short and not order.held_for_desk and order.source != Source.EXTERNAL
    # Mostly late; a living order that is over here may execute, and only a look can tell which of both it is.
    revived = order.state in DEAD and status in (WorkingStatus.HELD, WorkingStatus.WORKING)
    return short or status is WorkingStatus.INACTIVE or (revived and report.snapshot_at is None)


def note_plain_status(order: Order, report: ExecutionReport, cause: Cause) -> None:
    """An execution whose broker shows a plain status with it ends what outranked that status."""
    if report.ord_status and report.ord_status not in STANDINGS:
        _set_standing(order, "", cause)


def _unknown_word(order: Order, report: OrderReport, cause: Cause) -> bool:
    """A word that nobody knows: that the broker numbers the order is all it proves. A look says the rest."""
    order.record_event(EventKind.BROKER_NOTICE, cause)
    if report.identity.perm_id and order.state in (State.SENT, State.UNCONFIRMED):
        acknowledge(order, cause, working=False)
    text = f"The broker says {report.text} of this order, a status that is not in our table: it is looked up."
    raise_alert(AlertKind.UNKNOWN_CODE, order=order, subject=report.text[:120], text=text)
    return report.snapshot_at is None


def _hold(order: Order, report: OrderReport, cause: Cause) -> None:
    if report.status is WorkingStatus.IN_TRANSIT and not report.identity.perm_id:
        return  # proves nothing: the gateway has it, the broker may not
    if report.status in PENDING and order.state in (State.PENDING, State.ACCEPTED):
        return
    acknowledge(order, cause, working=None if _is_late_word(order, report) else False)


def _inactive(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> None:
    """Not reliably the end: invalid, or held for something. With a rejection beside it it is over."""
    if words := refusals.rejected_by(order, cause.at) if order.is_alive else "":
        close(known, order, WorkingStatus.REJECTED, cause.saying(words))
        return
    _hold(order, report, cause)
    if order.is_alive:
        said = {refusals.STATUS: WorkingStatus.INACTIVE}
        order.record_event(EventKind.BROKER_NOTICE, cause.saying(cause.text or "inactive", said))


def _is_late_word(order: Order, report: OrderReport) -> bool:
    """Whether "PreSubmitted" comes too late to be true: the order works already.

    Callbacks overtake each other, so that one proves nothing against "Submitted". A complete snapshot that
    began after the last news does: an exchange has closed over the order, say.
    """
    if order.state != State.PENDING or report.status not in (WorkingStatus.HELD, WorkingStatus.IN_TRANSIT):
        return False
    return report.snapshot_at is None or report.snapshot_at <= order.updated_at


def _end_day(order: Order, cause: Cause) -> None:
    """Nothing more today. A lasting order keeps its balance, any other is over."""
    acknowledge(order, cause, working=None)
    if order.time_in_force in LASTING or order.cum_qty >= order.order_qty:
        if order.state in (State.SENT, State.UNCONFIRMED, State.CREATED):
            acknowledge(order, cause, working=False)
    elif order.state in AT_BROKER:
        _set_reason(order, "TIME_IN_FORCE", cause.text)
        order.expire(cause)


def come_back(order: Order, cause: Cause) -> None:
    """Over here, and two complete snapshots show it as working: it may execute, whatever ended it here.

    In doubt, so that it counts and can be canceled; what the report says then moves it on.
    """
    if order.state not in (*DEAD, *EXECUTED):
        return  # a word in between has brought it back, as it does one that failed
    text = f"The order was {order.state} here, and two complete snapshots of the broker show it as working."
    raise_alert(AlertKind.STILL_WORKING, order=order, text=text)
    order.closed_as = ""
    if order.state in DEAD:
        order.reason_code = order.reason_text = ""
        mark_unconfirmed(order, cause.saying(text))


# --- standing --------------------------------------------------------------------------------------
def _stand(order: Order, status: WorkingStatus, cause: Cause) -> None:
    """Done for the day, calculated, stopped or suspended: true until the broker says otherwise.

    What it says late of a dead order changes nothing.
    """
    if status.value in STANDINGS:
        _set_standing(order, status.value, cause)
    elif order.is_alive:
        _set_standing(order, "", cause)


def _set_standing(order: Order, standing: str, cause: Cause) -> None:
    if order.standing != standing:
        order.standing = standing
        order.record_event(EventKind.STANDING, cause.saying(data={"standing": standing}))


# --- the end ---------------------------------------------------------------------------------------
def close(known: WorkingSet, order: Order, status: WorkingStatus, cause: Cause) -> None:
    """The broker says that the order is over; what is open on it is answered."""
    if status is WorkingStatus.CANCELED and (words := _rejected_before(known, order, cause)):
        status, cause = WorkingStatus.REJECTED, cause.saying(words)
    if status is WorkingStatus.CANCELED and order.time_is_over(cause.at):
        status = WorkingStatus.EXPIRED  # IB says "Cancelled"; why, only completed orders tell
    if status is WorkingStatus.REJECTED and not has_executed(known.executions(order)):
        _reject(order, cause)
    elif status is WorkingStatus.EXPIRED and order.state in (*AT_BROKER, State.CANCELED, State.FAILED):
        _set_reason(order, "TIME_IN_FORCE", cause.text)
        order.expire(cause)
    elif order.is_alive or order.state == State.FAILED:
        acknowledge(order, cause, working=None)
        if request_answers.balance_canceled(known, order, cause):
            return
        if request_answers.open_requests(known, order, RequestKind.CANCEL):
            _set_reason(order, "CANCELED_ON_REQUEST", cause.text)
        elif words := group_reason(known, order):
            _set_reason(order, "CANCELED_WITH_GROUP", words)
        else:
            _set_reason(order, "BROKER_CANCELED", cause.text)
        order.cancel(cause)
    else:
        quantities.remember_end(order, status)
    request_answers.close_requests(known, order, cause)


def _rejected_before(known: WorkingSet, order: Order, cause: Cause) -> str:
    """Why it was rejected, if that was told a moment ago, and nobody here asked for its cancel."""
    if not order.is_alive or request_answers.open_requests(known, order, RequestKind.CANCEL):
        return ""
    return refusals.rejected_by(order, cause.at)


def acknowledge(order: Order, cause: Cause, *, working: bool | None) -> None:
    """The broker has it: no deadline runs any more. `working` None leaves the state to the caller."""
    order.acknowledged_at = order.acknowledged_at or cause.at
    order.ack_deadline, order.unconfirmed_at = None, None
    order.absent_rounds, order.absent_snapshot = 0, ""
    if order.state == State.UNCONFIRMED:
        order.release(cause)
    if working is None or order.state in (State.PARTIALLY_FILLED, *EXECUTED):
        return
    if order.cum_qty >= order.order_qty:
        return  # executed by this very batch: settling fills it
    waiting = (State.CREATED, State.SENT, State.UNCONFIRMED, State.FAILED)
    if order.cum_qty and order.state in waiting:
        order.part_fill(cause)
    elif working and order.state in (*waiting, State.ACCEPTED):
        order.work(cause)
    elif not working and order.state in (*waiting, State.PENDING):
        order.accept(cause)


def _reject(order: Order, cause: Cause) -> None:
    """Refused by the broker. Its "Cancelled" may have come before the reason."""
    if order.state == State.REJECTED or not (order.is_alive or order.state == State.CANCELED):
        return
    if order.state == State.CANCELED and order.reason_code == "CANCELED_ON_REQUEST":
        return  # it was our cancel that ended it
    acknowledge(order, cause, working=None)
    _set_reason(order, "BROKER_REJECTED", cause.text)
    order.reject(cause)


def _set_reason(order: Order, code: str, text: str) -> None:
    order.reason_code, order.reason_text = code, text or reason(code).text
