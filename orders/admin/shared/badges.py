"""How the desk sees states and sides: a word, a glyph, and colour only as the last sign."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from brokers.display import number_text
from brokers.fix import Side
from orders.models import OPEN_REQUESTS, Order, OrderRequest, RequestKind, State


@dataclass(frozen=True)
class Badge:
    """The sign of a state; `family` names its colour (desk.css)."""

    glyph: str
    family: str


MARKS = {
    State.CREATED: Badge("○", "idle"),
    State.SENT: Badge("◔", "alive"),
    State.UNCONFIRMED: Badge("?", "doubt"),
    State.ACCEPTED: Badge("◑", "alive"),
    State.PENDING: Badge("●", "alive"),
    State.PARTIALLY_FILLED: Badge("◕", "alive"),
    State.FILLED: Badge("✓", "done"),
    State.COMPLETED: Badge("✓✓", "over"),
    State.CANCELED: Badge("–", "over"),
    State.EXPIRED: Badge("⧖", "over"),
    State.REJECTED: Badge("✕", "bad"),
    State.FAILED: Badge("!", "bad"),
}
ASKED = {RequestKind.CANCEL: "Cancel asked", RequestKind.REPLACE: "Replace asked"}


def state_badge(state: str, family: str = "", suffix: str = "") -> SafeString:
    """A state; filled only where a person must act."""
    mark, word = MARKS[State(state)], State(state).label
    return format_html(
        '<span class="state {}"><span aria-hidden="true">{}</span> {}</span>',
        family or mark.family,
        mark.glyph,
        f"{word} {suffix}" if suffix else word,
    )


def order_badge(
    order: Order, requests: Iterable[OrderRequest], *, reviewed: bool = False, why: bool = True
) -> SafeString:
    """The state of an order with its reason (`why`), and beside it what was asked and not answered yet.

    A refused order is filled red until somebody marks it reviewed: old ones must not shout.
    """
    executed = number_text(order.cum_qty) if order.state == State.CANCELED and order.cum_qty else ""
    family = "bad-text" if reviewed and MARKS[State(order.state)].family == "bad" else ""
    shown = state_badge(order.state, family, executed)
    if why and order.state in (State.REJECTED, State.FAILED) and order.reason_code:
        shown = format_html('{} <span class="reason">{}</span>', shown, order.reason_code)
    if order.awaits_approval:
        shown = format_html('{} <span class="state asked">{}</span>', shown, "Waits for approval")
    for request in requests:
        if request.state in OPEN_REQUESTS:
            shown = format_html(
                '{} <span class="state asked">{}</span>', shown, ASKED[RequestKind(request.kind)]
            )
    return shown


def side_badge(side: str) -> SafeString:
    """Buy or sell; never red and green, which mean bad and done."""
    glyph = "▲" if side == Side.BUY else "▼"
    return format_html(
        '<span class="side {}"><span aria-hidden="true">{}</span> {}</span>', side.lower(), glyph, side
    )
