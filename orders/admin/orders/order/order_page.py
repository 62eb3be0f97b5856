"""The page of one order: what happened, in one sentence and in full, and where the time went."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.utils.safestring import SafeString

from brokers.display import NOTHING, moment, money, number, price_text
from orders import selectors
from orders.admin.orders.order.actions import ACTS
from orders.admin.shared.badges import order_badge, side_badge
from orders.entry.groups import orders_of
from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    DeskAction,
    Execution,
    GroupKind,
    Order,
    OrderEvent,
    RequestKind,
    Source,
    State,
    ord_status,
)
from orders.models.execution import Share, executed, shared_qty, shares_of
from orders.models.reasons import REASONS
from orders.reports import fills
from orders.reports.cost.story import story_of
from orders.selectors import STEPS

EVENTS_SHOWN = 200
ACTS_SHOWN = 50
BROKER_STEPS = {"acknowledged", "first_fill", "last_fill", "completed"}
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
    x: float  # where its bar begins on the common axis, percent
    broker: bool  # the broker's time, not ours


def page_context(order: Order, user: User | AnonymousUser) -> dict[str, Any]:
    """Everything that the page shows; a fixed number of queries."""
    requests = list(order.requests.all())
    open_kinds = [request.kind for request in requests if request.state in OPEN_REQUESTS]
    events = list(
        selectors.events_of(order.id).select_related("inbox").order_by("-version")[: EVENTS_SHOWN + 1]
    )
    executions = list(order.executions.order_by("-id"))
    done = list(order.actions.select_related("user")[:ACTS_SHOWN])
    reviewed = any(act.action == DeskAction.REVIEW and act.ok for act in done)
    return {
        "order": order,
        "mark": order_badge(order, requests, reviewed=reviewed),
        "sentence": sentence(order, open_kinds),
        "advice": advice(order),
        "hops": hops(order),
        "story": story_of(order) if order.sent_at else None,
        "events": timeline(events[:EVENTS_SHOWN], order.received_at),
        "more_events": len(events) > EVENTS_SHOWN,
        "shares": [share_row(share, order) for share in shares_of(order, executions)],
        "executions": [execution_row(execution, order) for execution in executions],
        "slippage": slippage(order, executions),
        "terms": terms(order) | {"shared": number(shared_qty(order, executions))},
        "family": family(order),
        "identity": identity(order, open_kinds),
        "attempts": list(order.attempts.order_by("-id")),
        "requests": list(reversed(requests)),
        "acts": done,
        "buttons": buttons(order, open_kinds, user, reviewed),
    }


def buttons(
    order: Order, open_kinds: list[str], user: User | AnonymousUser, reviewed: bool
) -> list[dict[str, str]]:
    """What this person could do to this order, and why not when not; what cannot be meant is left out."""
    held = order.held_for_desk and order.state == State.UNCONFIRMED
    had = "The broker has had it, so it cannot be sent again." if order.perm_id or order.cum_qty else ""
    refused = order.state in (State.REJECTED, State.FAILED)
    offered = [
        ("replace", order.state in ALIVE, why_no_replace(order, open_kinds)),
        ("cancel", True, why_no_cancel(order, open_kinds)),
        ("cancel_group", order.group_id is not None and order.state in ALIVE, ""),
        ("send_again", held, had),
        ("give_up", held, ""),
        ("release", order.held_for_desk and not held, ""),
        ("review", refused and not reviewed, ""),
    ]
    return [
        {"name": name, "verb": ACTS[name].verb, "why_not": why_not}
        for name, meant, why_not in offered
        if meant and name in ACTS and user.has_perm(ACTS[name].permission)
    ]


def family(order: Order) -> list[dict[str, Any]]:
    """The orders of its group by rank, itself among them; empty where it stands alone."""
    if order.group is None:
        return []
    bracket = order.group.kind == GroupKind.BRACKET
    return [
        {
            "order": member,
            "mark": order_badge(member, member.requests.all()),
            "part": ("Exit" if member.group_rank else "Entry") if bracket else "One of",
            "here": member.pk == order.pk,
        }
        for member in orders_of(order.group)
    ]


def slippage(order: Order, executions: list[Execution]) -> dict[str, SafeString | str] | None:
    """What the fills cost against the price when the request came; above zero is worse than that price."""
    done = executed(order, executions)
    if not order.arrival_px or not done:
        return None
    found = fills.slippages(done)
    cost, bps = fills.total(found)
    return {
        "arrival": price_text(found[0].arrival_px, order.instrument),
        "bps": number(bps, 1),
        "money": money(cost, order.instrument.currency),
    }


def terms(order: Order) -> dict[str, SafeString | str]:
    """The figures of the order as the desk reads them."""
    return {
        "side": side_badge(order.side),
        "qty": number(order.order_qty),
        "price": price_text(order.price, order.instrument),
        "stop": price_text(order.stop_px, order.instrument),
        "filled": number(order.cum_qty),
        "leaves": number(order.leaves_qty),
        "average": price_text(order.avg_px if order.cum_qty else None, order.instrument, 2),
    }


def execution_row(execution: Execution, order: Order) -> dict[str, Any]:
    """An execution with its figures."""
    return {
        "execution": execution,
        "qty": number(execution.last_qty),
        "px": price_text(execution.last_px, order.instrument),
        "commission": money(execution.commission, execution.commission_currency),
    }


def allocation_text(order: Order) -> str:
    """The group that shares it, and how; nothing for an order of one account."""
    if not order.is_allocated:
        return NOTHING
    told = order.special["allocation"]
    return f"{told['group']} by {told.get('method') or 'its own method'}"


def share_row(share: Share, order: Order) -> dict[str, Any]:
    """What one account has of a group order, with its figures."""
    return {
        "account": share.account,
        "qty": number(share.qty),
        "px": price_text(share.avg_px, order.instrument),
        "commission": "waiting" if share.commission is None else money(share.commission, share.currency),
    }


def identity(order: Order, open_kinds: list[str]) -> list[tuple[str, object]]:
    """By which names the order is known, and how it was asked for."""
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
        "OrdStatus": ord_status(order.state, order.cum_qty, open_kinds, order.standing),
        "if unconfirmed": order.on_unconfirmed,
        "if the broker is down": order.if_broker_down,
        "if the queue is long": order.if_backlog,
        "strategy": order.strategy or NOTHING,
        "reduce only": "yes" if order.reduce_only else "no",
        "allocation": allocation_text(order),
        "fresh until": moment(order.fresh_until),
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
    """Why the order cannot be canceled now; empty when it can."""
    if order.state not in ALIVE:
        return "The order is over."
    if RequestKind.CANCEL in open_kinds:
        return "A cancel was asked already."
    if order.source == Source.EXTERNAL:
        return "It was placed by another client, which alone may cancel it."
    return ""


def why_no_replace(order: Order, open_kinds: list[str]) -> str:
    """Why other terms cannot be asked for now; empty when they can."""
    if open_kinds:
        return "A request is open already."
    return "It was placed by another client." if order.source == Source.EXTERNAL else ""


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
            x=100 * milliseconds(reached[0][1], before) / total,
            broker=name in BROKER_STEPS,
        )
        for (_, before), (name, at) in pairwise(reached)
    ]


def timeline(events: list[OrderEvent], start: datetime) -> list[dict[str, Any]]:
    """Events with the time since receipt in milliseconds and the broker's raw message, if one caused them."""
    return [
        {
            "event": event,
            "after": milliseconds(start, event.at),
            "raw": json.dumps(event.inbox.raw, ensure_ascii=False) if event.inbox else "",
        }
        for event in events
    ]


def milliseconds(begin: datetime, end: datetime) -> float:
    """The time between, in milliseconds."""
    return (end - begin).total_seconds() * 1000
