"""How the desk sees states and sides: a word, a glyph, and colour only as the last sign."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from brokers.desk import number
from brokers.fix import Side
from orders.models import OPEN_REQUESTS, Order, OrderRequest, RequestKind, State


@dataclass(frozen=True)
class Mark:
    """The sign of a state; `family` names its colour (desk.css)."""

    glyph: str
    family: str


MARKS = {
    State.CREATED: Mark("○", "idle"),
    State.SENT: Mark("◔", "alive"),
    State.UNCONFIRMED: Mark("?", "doubt"),
    State.ACCEPTED: Mark("◑", "alive"),
    State.PENDING: Mark("●", "alive"),
    State.PARTIALLY_FILLED: Mark("◕", "alive"),
    State.FILLED: Mark("✓", "done"),
    State.COMPLETED: Mark("✓✓", "over"),
    State.CANCELED: Mark("–", "over"),
    State.EXPIRED: Mark("⧖", "over"),
    State.REJECTED: Mark("✕", "bad"),
    State.FAILED: Mark("!", "bad"),
}
ASKED = {RequestKind.CANCEL: "Cancel asked", RequestKind.REPLACE: "Replace asked"}


def state_mark(state: str) -> SafeString:
    """A state."""
    mark, word = MARKS[State(state)], State(state).label
    return format_html(
        '<span class="state {}"><span aria-hidden="true">{}</span> {}</span>', mark.family, mark.glyph, word
    )


def order_mark(order: Order, requests: Iterable[OrderRequest]) -> SafeString:
    """The state of an order with its reason, and beside it what was asked and not answered yet."""
    shown = state_mark(order.state)
    if order.state in (State.REJECTED, State.FAILED) and order.reason_code:
        shown = format_html('{} <span class="reason">{}</span>', shown, order.reason_code)
    for request in requests:
        if request.state in OPEN_REQUESTS:
            shown = format_html(
                '{} <span class="state asked">{}</span>', shown, ASKED[RequestKind(request.kind)]
            )
    return shown


def side_mark(side: str) -> SafeString:
    """Buy or sell; never red and green, which mean bad and done."""
    glyph = "▲" if side == Side.BUY else "▼"
    return format_html(
        '<span class="side {}"><span aria-hidden="true">{}</span> {}</span>', side.lower(), glyph, side
    )


def filled_bar(order: Order) -> SafeString:
    """How much is executed: the figure, and a bar that repeats it for the eye."""
    share = min(order.cum_qty / order.order_qty, Decimal(1)) if order.order_qty else Decimal(0)
    return format_html(
        '<span class="filled">{} <progress aria-hidden="true" max="100" value="{}"></progress></span>',
        number(order.cum_qty),
        int(share * 100),
    )
