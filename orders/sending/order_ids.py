"""A session's order ids: one counter for each, never lowered, stopped long before its end.

Ids are used up when our own counter has come to the end, or when the gateway itself names ids beyond it: it
takes none that is lower than what it has seen. The first is kept in the counter, the second beside it, so
that what a gateway says does no harm that its reset would not undo.
"""

from __future__ import annotations

from django.db.models import F, Max
from django.db.models.functions import Greatest

from brokers.gate.order_ids import USED_UP_FROM
from brokers.models import GatewaySession
from orders.models import AlertKind, SubmissionAttempt
from orders.notify.alerts import clear_alert, raise_alert

SUBJECT = "order ids"


def learn(session: str, next_valid_id: int) -> None:
    """What the gateway wants to be the next id. Ours never go back, whatever it has forgotten."""
    row = GatewaySession.objects.filter(name=session)
    if next_valid_id >= USED_UP_FROM:
        row.update(order_ids_used_up=True)
    else:
        row.update(next_broker_order_id=Greatest(F("next_broker_order_id"), next_valid_id))


def forget_gateway(session: str) -> None:
    """The connection is gone; the next one says anew what the gateway's ids are."""
    GatewaySession.objects.filter(name=session, order_ids_used_up=True).update(order_ids_used_up=False)


def restore(session: str) -> None:
    """A counter beyond the end was put there by somebody else's ids: go on behind the last one we used."""
    beyond = GatewaySession.objects.filter(name=session, next_broker_order_id__gte=USED_UP_FROM)
    if not beyond.exists():
        return
    used = SubmissionAttempt.objects.filter(order__session_id=session, broker_order_id__lt=USED_UP_FROM)
    highest = used.aggregate(Max("broker_order_id"))["broker_order_id__max"] or 0
    beyond.update(next_broker_order_id=highest + 1)


def look_after(session: str) -> None:
    """Tell a person while no id is left, or few are."""
    row = GatewaySession.objects.get(name=session)
    if row.order_ids_used_up or row.next_broker_order_id >= USED_UP_FROM:
        text = (
            f"The order ids of client {row.client_id} are used up: the gateway or our counter has come to "
            f"{USED_UP_FROM:,}, so nothing new is sent; cancels go out. In TWS or Gateway: Global "
            "Configuration, API, Settings, Reset API order ID sequence; then restart the broker worker."
        )
        raise_alert(AlertKind.SESSION, session=session, subject=SUBJECT, text=text)
    elif row.link == "READY":
        clear_alert(AlertKind.SESSION, session=session, subject=SUBJECT)
