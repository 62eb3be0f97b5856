"""After lost history: rebuild from the broker what our books lost, and keep what a person decides."""

from __future__ import annotations

from django.db import transaction

from brokers.postgres import clock
from orders.models import AlertKind, Cause, EventKind, LostOrder, Order, Source
from orders.notify.alerts import clear_alert
from orders.store.orders import store_orders


def rebuild(session: str, *, by: str, reason: str) -> list[Order]:
    """Make the orders found at the broker ours again, with the executions booked on them; those rebuilt.

    What the broker shows was booked when it was shown, and goes on to be. Their client and ClOrdID are known
    again when the client repeats its request.
    """
    rebuilt = []
    for lost in LostOrder.objects.filter(session_id=session, rebuilt_at=None):
        with transaction.atomic():
            order = Order.objects.select_for_update().get(pk=lost.order_id)
            now = clock.now()
            text = f"rebuilt as {lost.order_ref}, which our books had lost: {reason}"
            order.record_event(EventKind.BROKER_NOTICE, Cause(actor=by, at=now, text=text))
            store_orders([order])
            # It left us before it was seen; what is claimed can be missed when the broker shows it no more.
            Order.objects.filter(pk=order.pk).update(
                source=Source.API, order_ref=lost.order_ref, claimed_at=order.received_at
            )
            LostOrder.objects.filter(pk=lost.pk).update(rebuilt_at=now)
        order.refresh_from_db()
        rebuilt.append(order)
    return rebuilt


def decide(session: str, *, by: str, reason: str) -> None:
    """A person lets the session send again; who that was, and why, stays with each order that was lost."""
    decided = {"decided_at": clock.now(), "decided_by": by[:150], "decision": reason[:500]}
    LostOrder.objects.filter(session_id=session, decided_at=None).update(**decided)
    clear_alert(AlertKind.LOST_HISTORY, session=session, by=by)
