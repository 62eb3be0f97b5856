"""Which of our requests a word of the broker answers, and which terms of the order it shows.

IB does not acknowledge a replace (it echoes the order with the new terms) and its errors name the order, not
the request: as only one request of a kind is on the wire at a time, that is enough.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from brokers.messages import OrderReport, Refusal, ReportedTerms, WorkingStatus
from orders.booking.quantities import note_split, recount, rescale
from orders.booking.working_set import WorkingSet
from orders.models import DEAD, Cause, EventKind, Order, OrderRequest, RequestKind, RequestState, State, Terms
from orders.models.reasons import reason
from orders.models.requests import OUTRUN, accept_replace, refuse_request
from orders.sending import replaces

#: So many complete snapshots with the old terms prove that a replace did not take effect.
ROUNDS = 2
#: A replace refused so has changed nothing, and may be taken when it is asked again.
NOTHING_CHANGED = (Refusal.REPLACE_TOO_EARLY, Refusal.PARENT_GONE)
#: What a refusal can mean, where its code says so. It may come late, when the other kind is on the wire.
KINDS_REFUSED = {
    Refusal.CANCEL_REFUSED: (RequestKind.CANCEL,),
    Refusal.REPLACE_REFUSED: (RequestKind.REPLACE,),
    Refusal.REPLACE_TOO_EARLY: (RequestKind.REPLACE,),
    Refusal.PARENT_GONE: (RequestKind.REPLACE,),
}
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


def open_requests(known: WorkingSet, order: Order, *kinds: RequestKind) -> list[OrderRequest]:
    """Requests of these kinds (of any, when none is named) that were not answered, in the order asked."""
    wanted = kinds or tuple(RequestKind)
    return [request for request in known.requests(order) if request.is_open and request.kind in wanted]


def in_flight(known: WorkingSet, order: Order) -> list[OrderRequest]:
    """Replaces that are, or may be, at the broker."""
    return [request for request in open_requests(known, order, RequestKind.REPLACE) if request.is_in_flight]


def may_be_in_force(known: WorkingSet, order: Order) -> list[OrderRequest]:
    """Replaces that the broker may have taken without a word: the end of an order disproves none."""
    outrun = [one for one in known.requests(order) if one.was_outrun and order.terms.changes_to(one.terms)]
    return [*in_flight(known, order), *outrun]


# --- terms that the broker shows --------------------------------------------------------------------
def follow_terms(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> None:
    """Take the terms in that the broker shows for an order of ours: a replace was taken, or it was not."""
    if report.terms is None:
        return
    if report.corporate_action:
        _rescale(known, order, report.terms, cause)
    for request in may_be_in_force(known, order):
        if shows(report.terms, order.terms, request.terms, report.cum_qty):
            accept_up_to(known, order, request, cause)
            return
    if report.snapshot_at is not None:
        _count_rounds(known, order, report, cause)
    _follow_others(known, order, report, cause)


def proves(known: WorkingSet, order: Order, report: OrderReport) -> bool:
    """Whether the terms shown are those of a replace that may be in force, whatever ended the order."""
    if report.terms is None:
        return False
    asked = may_be_in_force(known, order)
    return any(shows(report.terms, order.terms, one.terms, report.cum_qty) for one in asked)


def shows(shown: ReportedTerms, present: Terms, wanted: Terms, cum_qty: Decimal | None) -> bool:
    """Whether every term that was to change is as wanted (a quantity below the executed: as executed)."""
    changes = present.changes_to(wanted)
    quantity = changes.pop("order_qty", None)
    if quantity is not None and shown.order_qty not in (quantity, max(wanted.order_qty, cum_qty or 0)):
        return False
    return all(getattr(shown, name) == value for name, value in changes.items())


def accept_up_to(known: WorkingSet, order: Order, request: OrderRequest, cause: Cause) -> None:
    """This replace is in force, and so were those on the wire before it."""
    flying = in_flight(known, order)
    before = flying[: flying.index(request)] if request in flying else []
    for one in (*before, request):
        accept_replace(order, one, cause)
        known.touch_request(one)


def accept_proven(known: WorkingSet, order: Order, cause: Cause) -> None:
    """More was executed than the old terms allow: a replace at the broker that allows it was taken."""
    for request in may_be_in_force(known, order):
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


def _rescale(known: WorkingSet, order: Order, shown: ReportedTerms, cause: Cause) -> None:
    """Quantity and price of the order follow as restated; what it has executed is scaled alike.

    What is so of the order is so of every position in its contract.
    """
    note_split(order, shown.order_qty, cause)
    for execution in rescale(order, known.executions(order), shown.order_qty):
        known.touch_execution(execution)
        order.touched = True
    if order.touched:
        recount(order, known.executions(order))
        order.record_event(EventKind.RESCALED, cause.saying("quantities restated by a corporate action"))


def comparable(shown: ReportedTerms, present: Terms) -> Terms:
    """The shown terms where both sides name one; presets rename the time in force, so ours stays."""
    return present._replace(
        order_qty=shown.order_qty if shown.order_qty > 0 else present.order_qty,
        price=present.price if None in (shown.price, present.price) else shown.price,
        stop_px=present.stop_px if None in (shown.stop_px, present.stop_px) else shown.stop_px,
    )


def _follow_others(known: WorkingSet, order: Order, report: OrderReport, cause: Cause) -> None:
    """Terms that nobody here asked for: the broker's word, or a hand in its own program.

    An echo of terms that once were is late, not news, unless a complete snapshot says so that began after
    the last replace was sent.
    """
    assert report.terms is not None  # noqa: S101 - the caller has looked
    if was_changed_since(order, report):
        return
    shown = comparable(report.terms, order.terms)
    if report.status in LIVING and shown.order_qty <= order.cum_qty:
        # What is executed whole does not live: it tells the rest, or is older than the executions.
        shown = shown._replace(order_qty=order.order_qty)
    says_terms = report.status in LIVING or _filled_smaller(order, report)
    # One that is filled here and shown as working again is larger than it was: raised while nobody listened.
    may_execute = order.is_alive or report.shown_again
    if not may_execute or not says_terms or not order.terms.changes_to(shown):
        return
    replaces = [request for request in known.requests(order) if request.kind == RequestKind.REPLACE]
    of_before = any(request.former == shown.as_json() for request in replaces)
    if of_before and not (report.snapshot_at and all(_sent_before(r, report.snapshot_at) for r in replaces)):
        return
    former, order.terms = order.terms, shown
    data = {"former": former.as_json(), "terms": shown.as_json()}
    order.record_event(EventKind.TERMS_CHANGED, cause.saying("changed at the broker, not by us", data))


def was_changed_since(order: Order, report: OrderReport) -> bool:
    """Whether more was heard of the order after the look began that shows it as open.

    What a look shows was told when it was read, and a broker that reduces a sibling does so at any time.
    """
    is_read_then = report.source == "openOrder" and not report.shown_again
    return is_read_then and report.snapshot_at is not None and report.snapshot_at <= order.updated_at


def _filled_smaller(order: Order, report: OrderReport) -> bool:
    """Whether it is filled by all that we know and by less than it was: lowered while nobody listened."""
    assert report.terms is not None  # noqa: S101 - the caller has looked
    is_over = report.status is WorkingStatus.FILLED and report.source == "completedOrder"
    whole = report.cum_qty == report.terms.order_qty == order.cum_qty
    return is_over and whole and 0 < order.cum_qty < order.order_qty


def _sent_before(request: OrderRequest, at: datetime) -> bool:
    return request.sent_at is None or request.sent_at < at


# --- refusals ---------------------------------------------------------------------------------------
def refused_one(known: WorkingSet, order: Order, meaning: Refusal, cl_ord_id: str) -> OrderRequest | None:
    """The request that a refusal answers; None when none is open (it was answered by the facts)."""
    if cl_ord_id:
        return next((one for one in open_requests(known, order) if one.cl_ord_id == cl_ord_id), None)
    meant = open_requests(known, order, *KINDS_REFUSED.get(meaning, ()))
    sent = [request for request in meant if request.is_in_flight]
    sent.sort(key=lambda request: request.kind != RequestKind.CANCEL)
    return sent[0] if sent else None


def refuse_one(
    known: WorkingSet, order: Order, request: OrderRequest, meaning: Refusal, cause: Cause, *, named: bool
) -> None:
    """The broker refuses this request (`named`: in so many words). Some refusals prove nothing.

    Of an order in doubt a refused cancel proves nothing: the gateway may not know the order *yet*, or, just
    logged in, not any more. The cancel stays wanted, so that it is asked again when the order is found, and
    the order is not sent again when it is absent.
    """
    in_doubt = order.state in (State.SENT, State.UNCONFIRMED)
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
            late = reason(OUTRUN)
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
