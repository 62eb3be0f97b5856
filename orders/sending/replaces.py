"""Sending replaces: claimed like new orders, never repeated while their outcome is unknown.

A replace is on the wire alone: IB answers by order, so two at once could not be told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from brokers.errors import BrokerRefused, BrokerUnavailable
from brokers.gate import lease as leases
from brokers.gate.lease import Lease
from brokers.messages import ReplaceOrder
from brokers.port import Sent
from brokers.postgres import clock
from orders.models import (
    DEAD,
    Cause,
    CommandKind,
    EventKind,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
)
from orders.models.reasons import reason
from orders.models.requests import refuse_request
from orders.sending.claim import ACKNOWLEDGED, raisable
from orders.store.orders import store_orders

#: Orders in one transaction that changes many: those of a whole burst at once were 10 kB of memory each.
AT_ONCE = 500


def waiting(session: str) -> bool:
    """Whether a replace could go out but for pacing."""
    return OutboxCommand.objects.filter(
        session_id=session,
        kind=CommandKind.REPLACE,
        done_at=None,
        not_before__lte=clock.now(),
        request__state=RequestState.REQUESTED,
        order__state__in=(*ACKNOWLEDGED, *raisable(session)),
    ).exists()


def record_answers(lease: Lease, replaces: Sequence[ReplaceOrder], answers: Sequence[Sent]) -> None:
    """What the port said of the replaces that were not simply handed over; raises LeaseLost."""
    errors = {answer.order_id: answer.error for answer in answers if answer.error}
    asked = [replace.request_id for replace in replaces if replace.order_id in errors]
    if not asked:
        return
    with transaction.atomic():
        rows = with_orders(OrderRequest.objects.filter(pk__in=asked, state=RequestState.SENT))
        for order, request in rows:
            error = errors[str(order.id)]
            cause = Cause(actor="submission", at=clock.now(), text=str(error))
            if isinstance(error, BrokerUnavailable):
                ask_again(order, request, cause)
            elif isinstance(error, BrokerRefused):
                refuse_request(order, request, "REQUEST_REFUSED", cause)
            else:
                _mark_unconfirmed(order, request, cause)
        store_rows(rows)
        leases.require(lease)


def mark_unanswered(session: str, *, before: datetime | None = None, why: str) -> int:
    """Replaces without an answer are in doubt: past their deadline, or sent before `before`; how many."""
    late = {"sent_at__lt": before} if before else {"ack_deadline__lt": clock.now()}
    open_ones = OrderRequest.objects.filter(
        order__session_id=session, kind=RequestKind.REPLACE, state=RequestState.SENT, **late
    )
    return _change_a_few_at_a_time(
        open_ones,
        lambda order, request: _mark_unconfirmed(
            order, request, Cause(actor="submission", at=clock.now(), text=why)
        ),
    )


def expire_stale(session: str) -> int:
    """Refuse replaces that were not sent while fresh, or whose order a person must decide; how many."""
    now = clock.now()
    stale = OrderRequest.objects.filter(
        Q(order__held_for_desk=True) | Q(fresh_until__lte=now),
        order__session_id=session,
        kind=RequestKind.REPLACE,
        state=RequestState.REQUESTED,
    )

    def refuse(order: Order, request: OrderRequest) -> None:
        code = "ORDER_FROZEN" if order.held_for_desk else "STALE"
        refuse_request(order, request, code, Cause(actor="freshness", at=now, text=reason(code).text))

    return _change_a_few_at_a_time(stale, refuse)


def _change_a_few_at_a_time(
    requests: QuerySet[OrderRequest], change: Callable[[Order, OrderRequest], None]
) -> int:
    """Change these, after which they are none of `requests`: as many as one transaction takes; how many."""
    count = 0
    while keys := list(requests.order_by("id").values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            rows = with_orders(requests.filter(pk__in=keys))
            for order, request in rows:
                change(order, request)
            store_rows(rows)
        count += len(rows)
    return count


def any_unconfirmed(session: str) -> bool:
    """Whether a look is needed to find out about a replace."""
    doubtful = OrderRequest.objects.filter(
        order__session_id=session, kind=RequestKind.REPLACE, state=RequestState.UNCONFIRMED
    )
    return doubtful.exclude(order__state__in=DEAD).exclude(order__held_for_desk=True).exists()


def not_taken(order: Order, request: OrderRequest, cause: Cause) -> None:
    """Proven not to have taken effect: sent again while fresh. The terms are absolute, so twice is once."""
    if request.fresh_until and request.fresh_until > clock.now():
        ask_again(order, request, cause)
    else:
        refuse_request(order, request, "REPLACE_NOT_TAKEN", cause.saying(reason("REPLACE_NOT_TAKEN").text))


def ask_again(order: Order, request: OrderRequest, cause: Cause) -> None:
    """It is known not to be at the broker: its command waits again. The caller stores the request."""
    request.ask_again()
    command = OutboxCommand.objects.filter(request=request).latest("id")
    command.done_at, command.error = None, cause.text
    command.not_before = clock.now() + timedelta(seconds=min(2.0, 0.25 * 2**command.attempts))
    command.save(update_fields=["done_at", "error", "not_before"])


def _mark_unconfirmed(order: Order, request: OrderRequest, cause: Cause) -> None:
    request.doubt()
    order.record_event(EventKind.REPLACE_IN_DOUBT, cause.saying(data={"cl_ord_id": request.cl_ord_id}))


Row = tuple[Order, OrderRequest]


def with_orders(requests: QuerySet[OrderRequest]) -> list[Row]:
    """These requests as they are once their orders are locked, with their orders."""
    ids = sorted(set(requests.values_list("order_id", flat=True)))
    orders = {o.id: o for o in Order.objects.select_for_update().filter(pk__in=ids).order_by("id")}
    return [(orders[r.order_id], r) for r in requests.order_by("id") if r.order_id in orders]


def store_rows(rows: Sequence[Row]) -> None:
    """Write requests with their orders; the commands of those that are over wait no more."""
    for _, request in rows:
        request.save()
        if not request.is_open:
            OutboxCommand.objects.filter(request=request, done_at=None).update(
                done_at=clock.now(), error=request.reason_code
            )
    store_orders({order.id: order for order, _ in rows}.values())
