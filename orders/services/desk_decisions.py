"""What a person decides about an order that is held: proven absent twice, or unclear for good."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from orders.models import Cause, Order, State
from orders.services import book, doorbell
from orders.services.absence import ROUNDS, give_up, send_again
from orders.services.errors import OrderError


class NotHeld(OrderError):
    """Nothing is to be decided: the order is not held for the desk."""

    code = "NOT_HELD"

    def __init__(self, order: Order) -> None:
        super().__init__(f"The order is {order.state} and not held for the desk; nothing was changed.")


class NotProvenAbsent(OrderError):
    """The broker once had this order: sending it again could make a second one."""

    code = "NOT_PROVEN_ABSENT"

    def __init__(self, order: Order) -> None:
        super().__init__(
            "The broker has had this order, so it can not be sent again; place a new one if it is wanted."
        )


def send_held_again(order_id: UUID, *, actor: str, at: datetime) -> Order:
    """Send an order that was proven never to have reached the broker; raises NotHeld, NotProvenAbsent.

    The desk decides anew, so the order is fresh again for the default of its type.
    """
    with transaction.atomic():
        order = _held(order_id)
        if order.perm_id or order.cum_qty or order.absent_rounds < ROUNDS:
            raise NotProvenAbsent(order)
        cause = Cause(actor=actor, at=at, text="the desk sends it again")
        order.release(cause)
        order.fresh_until = max(order.fresh_until, at + (order.fresh_until - order.received_at))
        order.save(update_fields=["fresh_until"])
        send_again(order, cause)
        book.store([order])
        transaction.on_commit(lambda: doorbell.ring(order.session_id), robust=True)
    doorbell.tell_readers()
    return order


def give_held_up(order_id: UUID, *, actor: str, at: datetime) -> Order:
    """Give a held order up: FAILED, nobody will send it any more. Raises NotHeld."""
    with transaction.atomic():
        order = _held(order_id)
        cause = Cause(actor=actor, at=at)
        order.release(cause.saying("the desk gives it up"))
        give_up(order, "NEVER_REACHED_BROKER", cause)
        book.store([order])
    doorbell.tell_readers()
    return order


def _held(order_id: UUID) -> Order:
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.state != State.UNCONFIRMED or not order.held_for_desk:
        raise NotHeld(order)
    return order
