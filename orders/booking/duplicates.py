"""Several orders at the broker behind one reference: each is followed, and ours is over when all are.

It happens when a sending that was proven lost turns up after the order was sent again. Nothing is guessed:
the order is held for a person, its executions are booked, and one cancel goes to each of them.
"""

from __future__ import annotations

from brokers.messages import OrderIdentity, WorkingStatus
from orders.models import DuplicateOrder, Order

#: Ends that are asked for, or not wanted; what is filled is told by its executions.
DEAD = (WorkingStatus.CANCELED, WorkingStatus.EXPIRED, WorkingStatus.REJECTED)
OVER = (*DEAD, WorkingStatus.FILLED)


def learn(order: Order, said: OrderIdentity) -> None:
    """Keep the order that we know and this other one, with the number under which each can be canceled."""
    _keep(order, order.perm_id or 0, order.broker_client_id, order.broker_order_id)
    named = said.has_order_id
    _keep(order, said.perm_id, said.client_id if named else None, said.broker_order_id if named else None)


def _keep(order: Order, perm_id: int, client_id: int | None, number: int | None) -> None:
    numbers = {"broker_client_id": client_id, "broker_order_id": number}
    found, created = DuplicateOrder.objects.get_or_create(order=order, perm_id=perm_id, defaults=numbers)
    if not created and number and found.broker_order_id is None:
        DuplicateOrder.objects.filter(pk=found.pk).update(**numbers)


def order_ref_of(said: OrderIdentity) -> str | None:
    """The reference of our order behind which an order without one is known; None when it is not."""
    found = DuplicateOrder.objects.filter(perm_id=said.perm_id) if said.perm_id else None
    if found is None:
        numbers = {"broker_client_id": said.client_id, "broker_order_id": said.broker_order_id}
        found = DuplicateOrder.objects.filter(**numbers)
    ref: str | None = found.values_list("order__order_ref", flat=True).first()
    return ref


def mark_over(order: Order, perm_id: int | None) -> None:
    """This one of them is over."""
    DuplicateOrder.objects.filter(order=order, perm_id=perm_id or 0).update(is_over=True)


def others_alive(order: Order, perm_id: int | None) -> bool:
    """Whether another of them than this one lives; never of an order that is at the broker once."""
    others = DuplicateOrder.objects.filter(order=order, is_over=False).exclude(perm_id=perm_id or 0)
    if not order.is_alive:
        others = others.exclude(perm_id=order.perm_id or 0)
    return others.exists()
