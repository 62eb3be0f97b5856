"""The page of one order: what happened, in one sentence and in full, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.utils.safestring import SafeString

from brokers.desk import NOTHING, number
from orders import selectors
from orders.admin.marks import order_mark, side_mark
from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    Execution,
    Order,
    OrderEvent,
    RequestKind,
    Source,
    State,
    ord_status,
)
from orders.models.reasons import REASONS
from orders.selectors import STEPS

EVENTS_SHOWN = 200
#: What a state means for the desk, in one sentence; reasons add theirs.
SENTENCES = {
    State.CREATED: "Recorded and checked; it has not left us yet.",
    State.SENT: "Handed to the broker; no answer yet.",
    State.UNCONFIRMED: "It may be at the broker. The broker is being asked; it is not blindly sent again.",
    State.ACCEPTED: "The broker has it, it is not working at the exchange yet.",
    State.PENDING: "Working at the exchange.",
    State.PARTIALLY_FILLED: "Part of it is executed, the rest is working.",
    State.FILLED: "All executed; commissions are still expected.",
    State.COMPLETED: "All executed and settled with the broker's figures.",
    State.CANCELED: "Canceled; nothing more will execute.",
    State.EXPIRED: "Its time in force is over; nothing more will execute.",
    State.REJECTED: "Refused.",
    State.FAILED: "Given up before it reached the market.",
}


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One step of the way: when it was reached after receipt, and how long it took (milliseconds)."""

    name: str
    at: datetime
    start: float
    took: float
    share: float


def page_context(order: Order, *, may_cancel: bool, may_resolve: bool) -> dict[str, Any]:
    """Everything that the page shows; a fixed number of queries."""
    requests = list(order.requests.all())
    open_kinds = [request.kind for request in requests if request.state in OPEN_REQUESTS]
    events = list(selectors.events_of(order.id).order_by("-version")[: EVENTS_SHOWN + 1])
    return {
        "order": order,
        "mark": order_mark(order, requests),
        "sentence": sentence(order, open_kinds),
        "advice": advice(order),
        "hops": hops(order),
        "events": timeline(events[:EVENTS_SHOWN], order.received_at),
        "more_events": len(events) > EVENTS_SHOWN,
        "executions": [execution_row(execution) for execution in order.executions.order_by("-id")],
        "terms": terms(order),
        "identity": identity(order),
        "attempts": list(order.attempts.order_by("-id")),
        "requests": list(reversed(requests)),
        "may_cancel": may_cancel,
        "no_cancel": why_no_cancel(order, open_kinds),
        "may_resolve": may_resolve and order.held_for_desk and order.state == State.UNCONFIRMED,
        "may_send_again": not (order.perm_id or order.cum_qty),
    }


def terms(order: Order) -> dict[str, SafeString]:
    """The figures of the order as the desk reads them."""
    return {
        "side": side_mark(order.side),
        "qty": number(order.order_qty),
        "price": number(order.price),
        "stop": number(order.stop_px),
        "filled": number(order.cum_qty),
        "leaves": number(order.leaves_qty),
        "average": number(order.avg_px if order.cum_qty else None),
    }


def execution_row(execution: Execution) -> dict[str, Any]:
    """An execution with its figures."""
    return {
        "execution": execution,
        "qty": number(execution.last_qty),
        "px": number(execution.last_px),
        "commission": number(execution.commission),
    }


def identity(order: Order) -> list[tuple[str, object]]:
    """By which names the order is known, and how it was asked for."""
    open_kinds = [request.kind for request in order.requests.all() if request.state in OPEN_REQUESTS]
    named = {
        "id": order.id,
        "cl_ord_id": order.cl_ord_id,
        "client": order.client,
        "order_ref": order.order_ref,
        "perm_id": order.perm_id,
        "broker order id": order.broker_order_id,
        "broker client id": order.broker_client_id,
        "session": order.session_id,
        "source": order.source,
        "version": order.version,
        "OrdStatus": ord_status(order.state, order.cum_qty, open_kinds),
        "if unconfirmed": order.on_unconfirmed,
        "if the broker is down": order.if_broker_down,
        "fresh until": order.fresh_until.isoformat(" ", "seconds"),
    }
    return [(name, NOTHING if value is None else value) for name, value in named.items()]


def sentence(order: Order, open_kinds: list[str]) -> str:
    """What is the matter with this order, in words."""
    words = [SENTENCES[State(order.state)]]
    if order.state in (State.REJECTED, State.FAILED, State.CANCELED, State.EXPIRED) and order.reason_text:
        words.append(order.reason_text)
    if RequestKind.CANCEL in open_kinds:
        words.append("A cancel was asked and not answered yet, so it can still fill.")
    if order.held_for_desk:
        words.append("It is held: a person must decide.")
    return " ".join(words)


def advice(order: Order) -> str:
    """What the desk does now, from the registry of reasons."""
    return REASONS[order.reason_code].desk if order.reason_code in REASONS else ""


def why_no_cancel(order: Order, open_kinds: list[str]) -> str:
    """Why the order can not be canceled now; empty when it can."""
    if order.state not in ALIVE:
        return "The order is over."
    if RequestKind.CANCEL in open_kinds:
        return "A cancel was asked already."
    if order.source == Source.EXTERNAL:
        return "It was placed by another client, which alone may cancel it."
    return ""


def hops(order: Order) -> list[Hop]:
    """The steps that were reached, in the order of time; one that is missing is a gap, not zero."""
    reached = [(step, at) for step in STEPS if (at := getattr(order, f"{step}_at"))]
    reached.sort(key=lambda step: step[1])
    total = milliseconds(reached[0][1], reached[-1][1]) or 1.0
    return [
        Hop(
            name=name.replace("_", " "),
            at=at,
            start=milliseconds(order.received_at, before),
            took=milliseconds(before, at),
            share=100 * milliseconds(before, at) / total,
        )
        for (_, before), (name, at) in pairwise(reached)
    ]


def timeline(events: list[OrderEvent], start: datetime) -> list[dict[str, Any]]:
    """Events with the time since receipt in milliseconds."""
    return [{"event": event, "after": milliseconds(start, event.at)} for event in events]


def milliseconds(begin: datetime, end: datetime) -> float:
    """The time between, in milliseconds."""
    return (end - begin).total_seconds() * 1000
