"""What the broker said of an order before it was gone: a refusal, if something else says so as well.

New codes keep appearing, and one that looks like a rejection may be a notice about a living order. So the
code alone decides nothing: an error that names the order, together with the proof that the broker does not
have it, is a refusal. Sending the same again would be refused again.

A rejection of an order that the broker took long ago may mean a change of it, which then was refused, by
whomever it was asked. So that ends nothing alone either: the status "inactive" or "canceled" beside it does,
whichever is heard first, or a complete look.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from brokers.messages import Refusal, WorkingStatus
from orders.models import Cause, EventKind, Order, OrderEvent, State
from orders.models.reasons import reason

#: What an error says of an order is kept with its meaning under this name in the data of its event.
MEANING = "meaning"
#: And under this one a status that moves no order by itself.
STATUS = "status"
#: The words of one rejection are heard within so much of each other.
TOGETHER = timedelta(minutes=1)


def refused_by(order: Order) -> str:
    """The broker's code and words about this sending of the order, empty when it said none.

    Only of codes that are in no table: of the others it is known that they prove nothing.
    """
    text = ""
    for event in _events(order, EventKind.BROKER_NOTICE, EventKind.CLAIMED):
        if event.kind == EventKind.CLAIMED:
            text = ""  # what was said of an earlier sending, under another number
        elif event.data.get(MEANING) == Refusal.UNKNOWN:
            text = event.text
    return text


def rejected_by(order: Order, at: datetime) -> str:
    """The code and words of a rejection that came a moment before `at`, or later; empty without one."""
    words = ""
    for event in _events(order, EventKind.BROKER_NOTICE):
        if event.data.get(MEANING) == Refusal.ORDER_REJECTED and event.at >= at - TOGETHER:
            words = event.text
    return words


def is_inactive(order: Order) -> bool:
    """Whether the broker calls it inactive, and has not called it working since."""
    if order.state != State.ACCEPTED:
        return False
    notices = _events(order, EventKind.BROKER_NOTICE)
    return any(event.data.get(STATUS) == WorkingStatus.INACTIVE for event in notices)


def _events(order: Order, *kinds: EventKind) -> Iterator[OrderEvent]:
    """What happened to the order of these kinds, stored or about to be, in order."""
    yield from order.events.filter(kind__in=kinds).order_by("version")
    yield from (event for event in order.pending_events if event.kind in kinds)


def reject_refused(order: Order, words: str, cause: Cause) -> None:
    """REJECTED in the broker's words: it refused the order and does not have it."""
    order.reason_code, order.reason_text = "BROKER_REJECTED", words or reason("BROKER_REJECTED").text
    order.reject(cause.saying(order.reason_text))
