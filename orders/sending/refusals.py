"""What the broker said of a new order before it was gone: a refusal under a code that nobody has listed.

New codes keep appearing, and one that looks like a rejection may be a notice about a living order. So the
code alone decides nothing: an error that names the order, together with the proof that the broker does not
have it, is a refusal. Sending the same again would be refused again.
"""

from __future__ import annotations

from itertools import chain

from brokers.messages import Refusal
from orders.models import Cause, EventKind, Order, OrderEvent
from orders.models.reasons import reason

#: What an error says of an order is kept with its meaning under this name in the data of its event.
MEANING = "meaning"


def refused_by(order: Order) -> str:
    """The broker's code and words about this sending of the order, empty when it said none.

    Only of codes that are in no table: of the others it is known that they prove nothing.
    """
    said = order.events.filter(kind__in=(EventKind.BROKER_NOTICE, EventKind.CLAIMED)).order_by("version")
    text = ""
    for event in chain(said, order.pending_events):
        if event.kind == EventKind.CLAIMED:
            text = ""  # what was said of an earlier sending, under another number
        elif _is_refusal(event):
            text = event.text
    return text


def _is_refusal(event: OrderEvent) -> bool:
    return event.kind == EventKind.BROKER_NOTICE and event.data.get(MEANING) == Refusal.UNKNOWN


def reject_refused(order: Order, words: str, cause: Cause) -> None:
    """REJECTED in the broker's words: it refused the order and does not have it."""
    order.reason_code, order.reason_text = "BROKER_REJECTED", words or reason("BROKER_REJECTED").text
    order.reject(cause.saying(order.reason_text))
