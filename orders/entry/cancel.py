"""Asking for the cancel of an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from brokers import registry
from brokers.gate.order_ids import is_sendable
from orders.entry.second_person import end_unwanted
from orders.errors import CancelsOthers, ClOrdIdReused, NotOurs, OrderOver
from orders.models import (
    ALIVE,
    AT_BROKER,
    OPEN_REQUESTS,
    Cause,
    CommandKind,
    DuplicateOrder,
    EventKind,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
    Source,
    State,
)
from orders.models.group import ended_with
from orders.notify import wakeup
from orders.sending.unknown_outcome import cancel_unsent
from orders.store.orders import store_orders


def cancel_order(
    order_id: UUID, *, actor: str, at: datetime, cl_ord_id: str = "", alone: bool = False
) -> OrderRequest:
    """Ask for the cancel of an order; asking again, or while one is open, returns the first.

    An order that never left us is canceled at once. `alone`: only if its broker cancels no other with it.
    Raises Order.DoesNotExist, ClOrdIdReused, OrderOver, NotOurs and CancelsOthers.
    """
    try:
        with transaction.atomic():
            order = Order.objects.select_for_update().get(pk=order_id)
            if alone and (others := canceled_with(order)):
                raise CancelsOthers(order, others)
            request = _cancel(order, Cause(actor=actor, at=at), cl_ord_id)
    except IntegrityError as error:
        raise ClOrdIdReused(order, cl_ord_id) from error
    wakeup.notify_readers()
    return request


def canceled_with(order: Order, members: Sequence[Order] = ()) -> list[Order]:
    """The other orders of its group that its broker cancels when this one is canceled; by rank.

    None for one that has not left us: that cancel is ours. `members` of the group, where they are known.
    """
    if order.group_id is None or order.state not in AT_BROKER:
        return []
    config = settings.BROKER_SESSIONS.get(order.session_id)
    if config is None or registry.capabilities(config.adapter).cancels_one_alone:
        return []
    stored = Order.objects.filter(group=order.group_id).select_related("group", "instrument")
    return ended_with(order, members or list(stored.order_by("group_rank")))


def _cancel(order: Order, cause: Cause, cl_ord_id: str) -> OrderRequest:
    if known := _asked_before(order, cl_ord_id):
        return known
    if order.state not in ALIVE and not DuplicateOrder.objects.filter(order=order, is_over=False).exists():
        raise OrderOver(order)
    if order.source == Source.EXTERNAL and not _placed_under_our_id(order):
        raise NotOurs(order)
    request = _record_cancel(order, cause, cl_ord_id)
    store_orders([order])
    if order.approval_id and order.state == State.CANCELED:
        # After the commit: who decides locks the approval first, and its orders then.
        end = partial(end_unwanted, order.approval_id, "Canceled before anybody decided.")
        transaction.on_commit(end, robust=True)
    if request.state == RequestState.REQUESTED:
        transaction.on_commit(lambda: wakeup.start_submission(order.session_id), robust=True)
    return request


def _placed_under_our_id(order: Order) -> bool:
    """IB lets a client cancel what was placed under its client id, by whichever program."""
    return is_sendable(order.broker_order_id) and order.broker_client_id == order.session.client_id


def _asked_before(order: Order, cl_ord_id: str) -> OrderRequest | None:
    """The request of this id, answered or not, else one that is still open."""
    cancels = order.requests.filter(kind=RequestKind.CANCEL)
    named = cancels.filter(cl_ord_id=cl_ord_id).first() if cl_ord_id else None
    return named or cancels.filter(state__in=OPEN_REQUESTS).first()


def _record_cancel(order: Order, cause: Cause, cl_ord_id: str) -> OrderRequest:
    last = order.requests.exclude(state=RequestState.REFUSED).filter(kind=RequestKind.REPLACE).last()
    request = OrderRequest(
        order=order,
        client_id=order.client_id,
        kind=RequestKind.CANCEL,
        orig_cl_ord_id=last.cl_ord_id if last else order.cl_ord_id,
        requested_by=cause.actor,
        requested_at=cause.at,
    )
    request.cl_ord_id = cl_ord_id or f"cancel-{request.id}"
    order.record_event(EventKind.CANCEL_REQUESTED, cause)
    if order.state == State.CREATED:
        _cancel_here(order, request, cause)
        request.save(force_insert=True)
    else:
        request.save(force_insert=True)
        OutboxCommand.objects.create(
            session_id=order.session_id, order=order, request=request, kind=CommandKind.CANCEL
        )
    return request


def _cancel_here(order: Order, request: OrderRequest, cause: Cause) -> None:
    """Nothing has left us: the cancel is ours to grant."""
    cancel_unsent(order, cause)
    request.state = RequestState.ACCEPTED
    request.answered_at = cause.at
