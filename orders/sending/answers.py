"""What became of what was given to the port: answers recorded, missing ones put in doubt.

Like every answer of the port, they are recorded by the holder of the lease only, else LeaseLost is raised:
the next holder has put these orders in doubt, and may have sent them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from brokers.errors import BrokerError, BrokerRefused, BrokerUnavailable
from brokers.gate import lease as leases
from brokers.gate.lease import Lease
from brokers.messages import CancelOrder, NewOrder
from brokers.port import Sent
from brokers.postgres import clock
from orders.models import (
    AT_BROKER,
    Cause,
    CommandKind,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
    State,
)
from orders.models.reasons import reason
from orders.models.requests import refuse_request
from orders.notify import wakeup
from orders.sending import replaces
from orders.sending.unknown_outcome import cancel_unsent, cancel_wanted, mark_unconfirmed, requeue_command
from orders.store.orders import store_orders


def record_sends(lease: Lease, orders: Sequence[NewOrder], answers: Sequence[Sent]) -> None:
    """Sends that were not simply handed over; the hand-over itself is noted by the inbox writer."""
    errors = {answer.order_id: answer.error for answer in answers if answer.error}
    if not errors:
        return
    with transaction.atomic():
        rows = _locked(errors)
        for row in rows:
            if row.state == State.SENT:  # else the broker has spoken meanwhile, and it is right
                _follow(row, errors[str(row.id)])
        store_orders(rows)
        leases.require(lease)
    wakeup.notify_readers()


def _follow(order: Order, error: BrokerError) -> None:
    """Nothing left this process, a definite no, or an unknown outcome."""
    cause = Cause(actor="submission", at=clock.now(), text=str(error))
    if isinstance(error, BrokerUnavailable):
        # The command waits again, with backoff, while the order is fresh.
        order.requeue(cause)
        order.broker_order_id = order.ack_deadline = None
        order.queued_at = cause.at
        if cancel_wanted(order):
            cancel_unsent(order, Cause(actor="submission", at=cause.at))
        else:
            requeue_command(order, str(error), cause.at)
    elif isinstance(error, BrokerRefused):
        code = error.code or "NO_SUCH_ADAPTER_ORDER"
        order.reason_code, order.reason_text = code, f"{reason(code).text} {error}"
        order.reject(cause.saying(order.reason_text))
    else:
        mark_unconfirmed(order, cause)


def _locked(keys: Iterable[str]) -> list[Order]:
    ids = [UUID(key) for key in keys]
    return list(Order.objects.select_for_update().filter(pk__in=ids).order_by("id"))


def record_cancels(lease: Lease, cancels: Sequence[CancelOrder], answers: Sequence[Sent]) -> None:
    """A cancel is safe to repeat: whatever stopped it, it waits again; a definite no refuses the request.

    One that never left is the same command again, so that what was asked can be counted.
    """
    errors = {answer.order_id: answer.error for answer in answers if answer.error}
    if not errors:
        return
    now = clock.now()
    with transaction.atomic():
        orders = _locked(errors)
        requests = OrderRequest.objects.select_for_update().filter(
            order__in=orders, kind=RequestKind.CANCEL, state=RequestState.SENT
        )
        for request in requests:
            error = errors[str(request.order_id)]
            order = next(row for row in orders if row.id == request.order_id)
            cause = Cause(actor="submission", at=now, text=str(error))
            if isinstance(error, BrokerRefused):
                refuse_request(order, request, "REQUEST_REFUSED", cause)
                request.save()
            elif isinstance(error, BrokerUnavailable):
                replaces.ask_again(order, request, cause)
                request.save()
            else:
                repeat_cancel(order, request, cause)
        store_orders(orders)
        leases.require(lease)


def repeat_cancel(order: Order, request: OrderRequest, cause: Cause) -> None:
    """Queue the cancel again: it did not get through, or its answer was lost."""
    request.state = RequestState.REQUESTED
    request.save(update_fields=["state"])
    OutboxCommand.objects.create(
        session_id=order.session_id,
        order=order,
        request=request,
        kind=CommandKind.CANCEL,
        not_before=cause.at + timedelta(seconds=1),
    )


# --- no answer ------------------------------------------------------------------------------------------
def mark_unanswered(session: str, *, before: datetime | None = None, why: str) -> int:
    """SENT orders without an answer become UNCONFIRMED: past their deadline, or claimed before `before`."""
    now = clock.now()
    late = {"claimed_at__lt": before} if before else {"ack_deadline__lt": now}
    cause, count = Cause(actor="submission", at=now, text=why), 0
    while part := _doubt_some(session, late, cause):
        count += part
    return count


def _doubt_some(session: str, late: Mapping[str, datetime], cause: Cause) -> int:
    """As many as one transaction takes."""
    with transaction.atomic():
        orders = list(
            Order.objects.select_for_update()
            .filter(session_id=session, state=State.SENT, **late)
            .order_by("id")[: replaces.AT_ONCE]
        )
        for order in orders:
            mark_unconfirmed(order, cause)
        store_orders(orders)
    return len(orders)


def late_cancels(session: str) -> bool:
    """Whether a cancel just missed its answer: a look tells whether it got lost.

    Only just, because the cancel of a closed market is told as under way (PendingCancel) until the open.
    """
    now, patience = clock.now(), timedelta(seconds=settings.ACK_DEADLINE)
    cancels = OrderRequest.objects.filter(kind=RequestKind.CANCEL, state=RequestState.SENT)
    late = cancels.filter(sent_at__gt=now - 2 * patience, sent_at__lt=now - patience)
    return late.filter(order__session_id=session, order__state__in=AT_BROKER).exists()
