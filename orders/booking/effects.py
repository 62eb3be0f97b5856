"""What a word of the broker does to an order: the one reading of statuses, terms, answers and executions.

Comes in: one report at a time, on an order that is locked in the working set. Goes out: the order moved in
memory, requests answered, a snapshot asked for. It never writes: `booking.apply` stores a batch as a whole.

Any report may come twice, late, or before the one it belongs to. So quantities are computed from the
executions that count, never added up; the state follows from the quantities; and no older word leaves a
terminal state. IB does not acknowledge a replace (it echoes the order with the new terms) and its errors
name the order, not the request: as only one request of a kind is on the wire at a time, that is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from brokers.fix import LASTING
from brokers.formats import decimal_text
from brokers.messages import ExecutionReport, OrderReport, OrderTerms, Refusal, WorkingStatus
from orders.booking.groups import group_reason
from orders.booking.working_set import WorkingSet
from orders.models import (
    AT_BROKER,
    DEAD,
    EXECUTED,
    AlertKind,
    Cause,
    EventKind,
    Execution,
    Order,
    OrderRequest,
    RequestKind,
    RequestState,
    Source,
    State,
    Terms,
)
from orders.models.execution import (
    average_px,
    charged,
    executed,
    first_days,
    total_qty,
    uncharged,
    version_root,
)
from orders.models.ord_status import STANDINGS
from orders.models.reasons import reason
from orders.models.requests import accept_replace, refuse_request
from orders.notify.alerts import clear_alert, raise_alert
from orders.sending import replaces
from orders.sending.unknown_outcome import mark_unconfirmed

#: Not (yet) said to be working. A pending request says nothing of the order's own state.
HELD = (WorkingStatus.HELD, WorkingStatus.IN_TRANSIT, WorkingStatus.SUSPENDED)
PENDING = (WorkingStatus.PENDING_CANCEL, WorkingStatus.PENDING_REPLACE)
WORKING = (WorkingStatus.WORKING, WorkingStatus.FILLED, WorkingStatus.STOPPED)
DAY_OVER = (WorkingStatus.DONE_FOR_DAY, WorkingStatus.CALCULATED)
#: So many complete snapshots with the old terms prove that a replace did not take effect.
ROUNDS = 2
#: A replace refused so has changed nothing, and may be taken when it is asked again.
NOTHING_CHANGED = (Refusal.REPLACE_TOO_EARLY, Refusal.PARENT_GONE)
#: Only of an order that lives does the broker's echo say what may still execute.
LIVING = (
    WorkingStatus.IN_TRANSIT,
    WorkingStatus.HELD,
    WorkingStatus.WORKING,
    WorkingStatus.PENDING_CANCEL,
    WorkingStatus.PENDING_REPLACE,
    WorkingStatus.STOPPED,
    WorkingStatus.SUSPENDED,
)
#: Ends after which the broker executes nothing more, whatever is taken back later.
ENDS = (State.CANCELED, State.EXPIRED)


# --- what the order is doing ------------------------------------------------------------------------------
def follow(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> bool:
    """Move the order to what the broker says it is doing; whether a snapshot of the broker is needed."""
    status = report.status
    if status not in (*PENDING, WorkingStatus.IN_TRANSIT, WorkingStatus.INACTIVE):
        _stand(order, status, cause)
    if status in (*HELD, *PENDING):
        _hold(order, report, cause)
    elif status in WORKING:
        acknowledge(order, cause, working=True)
    elif status is WorkingStatus.INACTIVE:
        _hold(order, report, cause)
    elif status in DAY_OVER:
        _end_day(order, cause)
    else:
        close(known, order, status, cause)
    # "Filled" without its executions is no execution: they are fetched, not invented.
    short = status is WorkingStatus.FILLED and order.cum_qty < order.order_qty
    short = short and not order.held_for_desk and order.source != Source.EXTERNAL
    return short or status is WorkingStatus.INACTIVE


def note_plain_status(order: Order, report: ExecutionReport, cause: Cause) -> None:
    """An execution whose broker shows a plain status with it ends what outranked that status."""
    if report.ord_status and report.ord_status not in STANDINGS:
        _set_standing(order, "", cause)


def _hold(order: Order, report: OrderReport, cause: Cause) -> None:
    if report.status is WorkingStatus.IN_TRANSIT and not report.identity.perm_id:
        return  # proves nothing: the gateway has it, the broker may not
    if report.status in PENDING and order.state in (State.PENDING, State.ACCEPTED):
        return
    acknowledge(order, cause, working=None if _is_late_word(order, report) else False)


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


# --- standing ---------------------------------------------------------------------------------------
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


# --- the end ----------------------------------------------------------------------------------------
def close(known: WorkingSet, order: Order, status: WorkingStatus, cause: Cause) -> None:
    """The broker says that the order is over; what is open on it is answered."""
    if status is WorkingStatus.CANCELED and order.time_is_over(cause.at):
        status = WorkingStatus.EXPIRED  # IB says "Cancelled"; why, only completed orders tell
    if status is WorkingStatus.REJECTED and order.cum_qty == 0:
        _reject(order, cause)
    elif status is WorkingStatus.EXPIRED and order.state in (*AT_BROKER, State.CANCELED, State.FAILED):
        _set_reason(order, "TIME_IN_FORCE", cause.text)
        order.expire(cause)
    elif order.is_alive or order.state == State.FAILED:
        acknowledge(order, cause, working=None)
        if balance_canceled(known, order, cause):
            return
        if open_requests(known, order, RequestKind.CANCEL):
            _set_reason(order, "CANCELED_ON_REQUEST", cause.text)
        elif words := group_reason(known, order):
            _set_reason(order, "CANCELED_WITH_GROUP", words)
        else:
            _set_reason(order, "BROKER_CANCELED", cause.text)
        order.cancel(cause)
    else:
        remember_end(order, status)
    close_requests(known, order, cause)


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


# --- requests ---------------------------------------------------------------------------------------------
def open_requests(known: WorkingSet, order: Order, *kinds: RequestKind) -> list[OrderRequest]:
    """Requests of these kinds (of any, when none is named) that were not answered, in the order asked."""
    wanted = kinds or tuple(RequestKind)
    return [request for request in known.requests(order) if request.is_open and request.kind in wanted]


def in_flight(known: WorkingSet, order: Order) -> list[OrderRequest]:
    """Replaces that are, or may be, at the broker."""
    return [request for request in open_requests(known, order, RequestKind.REPLACE) if request.is_in_flight]


# --- terms that the broker shows --------------------------------------------------------------------
def follow_terms(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> None:
    """Take the terms in that the broker shows for an order of ours: a replace was taken, or it was not."""
    if report.terms is None:
        return
    if report.corporate_action:
        _rescale(known, order, report.terms, cause)
    for request in in_flight(known, order):
        if shows(report.terms, order.terms, request.terms, report.cum_qty):
            accept_up_to(known, order, request, cause)
            return
    if report.snapshot_at is not None:
        _count_rounds(known, order, report, cause)
    _follow_others(known, order, report, cause)


def shows(shown: OrderTerms, present: Terms, wanted: Terms, cum_qty: Decimal | None) -> bool:
    """Whether every term that was to change is as wanted (a quantity below the executed: as executed)."""
    changes = present.changes_to(wanted)
    quantity = changes.pop("order_qty", None)
    if quantity is not None and shown.order_qty not in (quantity, max(wanted.order_qty, cum_qty or 0)):
        return False
    return all(getattr(shown, name) == value for name, value in changes.items())


def accept_up_to(known: WorkingSet, order: Order, request: OrderRequest, cause: Cause) -> None:
    """This replace is in force, and so were those on the wire before it."""
    for earlier in in_flight(known, order):
        accept_replace(order, earlier, cause)
        known.touch_request(earlier)
        if earlier is request:
            return


def accept_proven(known: WorkingSet, order: Order, cause: Cause) -> None:
    """More was executed than the old terms allow: a replace on the wire that allows it was taken."""
    for request in in_flight(known, order):
        if order.cum_qty > order.order_qty and request.terms.order_qty > order.order_qty:
            accept_up_to(known, order, request, cause)


def ceiling(known: WorkingSet, order: Order) -> Decimal:
    """The most that the broker was ever allowed to execute."""
    former = (Decimal(r.former["order_qty"]) for r in known.requests(order) if r.former)
    return max([order.order_qty, *former])


def _count_rounds(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> None:
    """A complete snapshot shows the old terms, and the link was up: twice proves that nothing was changed."""
    at = report.snapshot_at
    for request in in_flight(known, order):
        doubtful = request.state == RequestState.UNCONFIRMED and at is not None and _sent_before(request, at)
        if not doubtful or request.last_look_at == at:
            continue
        request.looks += 1
        request.last_look_at = at
        known.touch_request(request)
        if request.looks >= ROUNDS:
            replaces.not_taken(order, request, cause)


def _rescale(known: WorkingSet, order: Order, shown: OrderTerms, cause: Cause) -> None:
    """Quantity and price of the order follow as restated; what it has executed is scaled alike."""
    for execution in rescale(order, known.executions(order), shown.order_qty):
        known.touch_execution(execution)
        order.touched = True
    if order.touched:
        recount(order, known.executions(order))
        order.record_event(EventKind.RESCALED, cause.saying("quantities restated by a corporate action"))


def comparable(shown: OrderTerms, present: Terms) -> Terms:
    """The shown terms where both sides name one; presets rename the time in force, so ours stays."""
    return present._replace(
        order_qty=shown.order_qty or present.order_qty,
        price=present.price if None in (shown.price, present.price) else shown.price,
        stop_px=present.stop_px if None in (shown.stop_px, present.stop_px) else shown.stop_px,
    )


def _follow_others(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> None:
    """Terms that nobody here asked for: the broker's word, or a hand in its own program.

    An echo of terms that once were is late, not news, unless a complete snapshot says so that began after
    the last replace was sent.
    """
    assert report.terms is not None  # noqa: S101 - the caller has looked
    shown = comparable(report.terms, order.terms)
    if not order.is_alive or report.status not in LIVING or not order.terms.changes_to(shown):
        return
    replaces = [request for request in known.requests(order) if request.kind == RequestKind.REPLACE]
    of_before = any(request.former == shown.as_json() for request in replaces)
    if of_before and not (report.snapshot_at and all(_sent_before(r, report.snapshot_at) for r in replaces)):
        return
    former, order.terms = order.terms, shown
    data = {"former": former.as_json(), "terms": shown.as_json()}
    order.record_event(EventKind.TERMS_CHANGED, cause.saying("changed at the broker, not by us", data))


def _sent_before(request: OrderRequest, at: datetime) -> bool:
    return request.sent_at is None or request.sent_at < at


# --- refusals ---------------------------------------------------------------------------------------
def refused_one(known: WorkingSet, order: Order, meaning: Refusal, cl_ord_id: str) -> OrderRequest | None:
    """The request that a refusal answers; None when none is open (it was answered by the facts)."""
    replace = dict.fromkeys((Refusal.REPLACE_REFUSED, Refusal.PARENT_GONE), RequestKind.REPLACE)
    kinds = {Refusal.CANCEL_REFUSED: RequestKind.CANCEL, **replace}
    open_ones = open_requests(known, order)
    if cl_ord_id:
        return next((request for request in open_ones if request.cl_ord_id == cl_ord_id), None)
    sent = [request for request in open_ones if request.is_in_flight]
    sent.sort(key=lambda request: request.kind != kinds.get(meaning, RequestKind.CANCEL))
    return sent[0] if sent else None


def refuse_one(
    known: WorkingSet, order: Order, request: OrderRequest, meaning: Refusal, cause: Cause, *, named: bool
) -> None:
    """The broker refuses this request (`named`: in so many words). Some refusals prove nothing.

    Of an order in doubt a refused cancel proves nothing: the gateway may not know the order *yet*. The
    cancel stays wanted, so that it is asked again when the order is found, and the order is not sent
    again when it is absent.
    """
    in_doubt = order.state in (State.SENT, State.UNCONFIRMED) and not order.perm_id
    known.touch_request(request)
    if request.kind == RequestKind.CANCEL and in_doubt and not named:
        request.doubt()
    elif meaning in NOTHING_CHANGED or _is_balance_only(order, request, meaning):
        replaces.ask_again(order, request, cause)
    else:
        refuse_request(order, request, "REQUEST_REFUSED", cause)


def _is_balance_only(order: Order, request: OrderRequest, meaning: Refusal) -> bool:
    """Executions crossed the replace and left nothing of the wanted quantity: now it is a cancel (FIX)."""
    replace = request.kind == RequestKind.REPLACE and meaning is Refusal.REPLACE_REFUSED
    return replace and order.is_alive and 0 < request.terms.order_qty <= order.cum_qty


def mark_replaces_unconfirmed(known: WorkingSet, order: Order, cause: Cause) -> None:
    """A code that proves nothing came while a replace was on the wire."""
    for request in in_flight(known, order):
        if request.state == RequestState.SENT:
            request.doubt()
            known.touch_request(request)
            order.record_event(
                EventKind.REPLACE_IN_DOUBT, cause.saying(data={"cl_ord_id": request.cl_ord_id})
            )


# --- the end of the order ---------------------------------------------------------------------------
def balance_canceled(known: WorkingSet, order: Order, cause: Cause) -> bool:
    """Whether the end is what a replace to the executed quantity asked for; it is in force then."""
    for request in in_flight(known, order):
        if order.cum_qty and request.terms.order_qty <= order.cum_qty:
            accept_up_to(known, order, request, cause)
            return True
    return False


def close_requests(known: WorkingSet, order: Order, cause: Cause) -> None:
    """The order is over: a cancel got what it wanted, a replace did not.

    A cancel that lost against the end waits for the broker's own answer, which tells why.
    """
    if order.state not in DEAD:
        return
    for request in open_requests(known, order):
        if request.kind == RequestKind.REPLACE:
            late = reason("TOO_LATE_TO_REPLACE")
            refuse_request(order, request, late.code, cause.saying(late.text))
        elif order.state == State.CANCELED:
            request.answer(RequestState.ACCEPTED, cause.at, "", cause.text)
            order.record_event(EventKind.CANCEL_ACCEPTED, cause)
        else:
            continue
        known.touch_request(request)


def accept_cancels(known: WorkingSet, order: Order, cause: Cause) -> None:
    """A filled order whose other order at the broker was canceled: what was asked is done."""
    if order.is_alive:
        return
    for request in open_requests(known, order, RequestKind.CANCEL):
        request.answer(RequestState.ACCEPTED, cause.at, "", cause.text)
        order.record_event(EventKind.CANCEL_ACCEPTED, cause)
        known.touch_request(request)


# --- quantities -------------------------------------------------------------------------------------------
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
    settle_costs(order, executions, cause)


def settle_costs(order: Order, executions: Iterable[Execution], cause: Cause) -> None:
    """A filled order whose commissions are all told is completed; no other state depends on them."""
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
