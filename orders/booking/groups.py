"""Why the broker ended an order that belongs to a group, when nobody asked for its cancel."""

from __future__ import annotations

from orders.booking.working_set import WorkingSet
from orders.models import Order, RequestKind, RequestState
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
