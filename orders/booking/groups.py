"""Orders that belong together: why the broker ended one unasked, and what is not over when one is not."""

from __future__ import annotations

from collections.abc import Mapping

from orders.booking.working_set import WorkingSet
from orders.models import (
    SLICING,
    Cause,
    Order,
    OrderGroup,
    RequestKind,
    RequestState,
    SlicedOrder,
    SliceState,
)
from orders.models.group import ends_with

#: The broker has a cancel, or has done it.
ASKED = (RequestState.SENT, RequestState.UNCONFIRMED, RequestState.ACCEPTED)


def group_reason(known: WorkingSet, order: Order) -> str:
    """Which order of its group took this one along, in words; empty when none did.

    That order's execution may be of the same batch, so what the working set has of it counts.
    """
    if order.group_id is None:
        return ""
    others = Order.objects.filter(group=order.group_id).exclude(pk=order.pk).select_related("group")
    now = [known.orders.get(other.pk, other) for other in others.order_by("group_rank")]
    tied = [other for other in now if ends_with(other, order)]
    asked = set(
        Order.objects.filter(
            pk__in=[other.pk for other in tied],
            requests__kind=RequestKind.CANCEL,
            requests__state__in=ASKED,
        ).values_list("pk", flat=True)
    )
    for other in tied:
        if other.pk in asked:
            return f"Canceled by the broker with {other.cl_ord_id} of its group, whose cancel was asked."
    # An entry that executes ends nothing: its exits begin to work.
    executed = [other for other in tied if other.cum_qty and ends_with(order, other)]
    for other in executed:
        return f"Canceled by the broker because {other.cl_ord_id} of its group has executed."
    return ""


def look_again(told: Mapping[Order, Cause]) -> None:
    """More was told of orders that were over: what they belong to is looked at once more, though it was too.

    A bust or a late execution leaves a position without its exits, or a sliced order that is not what it was
    said to have executed. A parent is locked whatever its state, so that it does not end unseen meanwhile.
    """
    groups = {order.group_id for order in told if order.group_id}
    if groups:
        OrderGroup.objects.filter(pk__in=groups).exclude(settled_at=None).update(settled_at=None)
    slices = {order.parent_id: (order.cl_ord_id, cause) for order, cause in told.items() if order.parent_id}
    parents = SlicedOrder.objects.select_for_update().filter(pk__in=slices).order_by("id") if slices else ()
    for parent in parents:
        if parent.state not in SLICING:
            name, cause = slices[parent.pk]
            text = f"more was told of {name} after it was over"
            parent.move(SliceState.ENDING, actor=cause.actor, at=cause.at, text=text)
            parent.save()
