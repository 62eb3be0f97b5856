"""Tags and filters of the desk's templates. No admin module may be imported here: unfold loads tags first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from brokers import display
from brokers.display import NOTHING, age_text, figure, link_mark, moment, number, number_text
from brokers.models import GatewaySession, Instrument, Profit
from orders import selectors, statistics
from orders.access import accounts_of_person
from orders.controls.persons.approvals import to_decide
from orders.controls.persons.people import at_desk
from orders.models import ReconciliationRun

register = template.Library()
_KEPT = "_desk_way_to_broker"
#: Where a request keeps what waits for its person.
WAITING = "_desk_waiting"
#: What unfold gives each cell, half a kilobyte of classes: its own, its checkbox's, its link's.
CELL = re.compile(r'^<(t[dh]) class="(long )?[^"]*"')
CHECKBOX = re.compile(r'class="[^"]*\baction-select"')
TAGS = re.compile(r"<[^>]*>")
LONG = 60  # characters: such a text is read in lines
LINK = re.compile(r' class="text-font-important-[^"]*" ?')


@register.simple_tag
def stream_url() -> str:
    """Where the browser listens for news."""
    return f"{settings.STREAM_URL.rstrip('/')}/api/v1/stream"


@register.simple_tag(takes_context=True)
def login_mark(context: dict[str, Any]) -> str:
    """Tells one login from another, and nothing of its cookie."""
    session = getattr(context.get("request"), "session", None)
    return salted_hmac("desk.login", session.session_key or "").hexdigest()[:16] if session else ""


@register.simple_tag
def stream_place() -> str:
    """The place in the events at which this page was made: from there on its browser is told."""
    return str(selectors.newest_settled_event())


@register.simple_tag
def zone_name() -> str:
    """The zone in which this page shows times."""
    return timezone.get_current_timezone_name()


@register.filter
def num(value: Decimal | int | None, places: int | None = None) -> SafeString:
    """A number as the desk reads it."""
    return number(value, places)


@register.filter
def price(value: Decimal | None, instrument: Instrument) -> SafeString:
    """A price by the instrument's tick."""
    return display.price(value, instrument)


@register.filter
def money(value: Decimal | None, currency: str = "") -> SafeString:
    """An amount with its currency."""
    return display.money(value, currency)


@register.filter
def day(value: date | None) -> str:
    """A date."""
    return display.day(value)


@register.filter
def profit(value: Profit | None, name: str) -> SafeString:
    """A figure of a profit with its sign."""
    return figure(value, name)


@register.filter
def amount(text: str) -> str:
    """An account value: a number as people read it, any other word as it is."""
    try:
        return number_text(Decimal(text), 2)
    except InvalidOperation:
        return text


@register.filter
def as_figure(value: Any) -> Any:
    """A number that may come as text, as people read it; any other word as it is."""
    try:
        return value if isinstance(value, bool) else number_text(Decimal(value))
    except (InvalidOperation, TypeError, ValueError):
        return value


@register.filter
def ms(value: float | None) -> str:
    """Milliseconds with one decimal."""
    return NOTHING if value is None else f"{value:,.1f}"


@register.filter
def at(value: datetime | None, precision: str = "seconds") -> SafeString:
    """A time with its UTC in the title."""
    return moment(value, precision)


@register.filter
def age(value: datetime | None) -> SafeString:
    """How long ago; desk.js lets it tick."""
    if value is None:
        return format_html("{}", NOTHING)
    text = age_text((timezone.now() - value).total_seconds())
    return format_html('<span class="age" data-age="{}">{}</span>', value.timestamp(), text)


@register.filter
def verdict(run: ReconciliationRun) -> SafeString:
    """What a comparison came to. One that failed has compared nothing: it neither agrees nor differs."""
    family, text = ("done", "✓ agrees") if run.ok else ("bad-text", "✕ differs")
    if run.error:
        family, text = "doubt", "? failed"
    return format_html('<span class="state {}" title="{}">{}</span>', family, run.error, text)


@register.simple_tag(takes_context=True)
def attention(context: dict[str, Any]) -> statistics.Waiting | None:
    """What waits for the person, as the title prefix has counted it already."""
    return getattr(context.get("request"), WAITING, None)


def way_of(request: HttpRequest) -> statistics.WayToBroker:
    """How the way to the broker is, for what the person may see; read once per request."""
    if not hasattr(request, _KEPT):
        setattr(request, _KEPT, statistics.way_to_broker(accounts_of_person(request.user)))
    way: statistics.WayToBroker = getattr(request, _KEPT)
    return way


@register.simple_tag(takes_context=True)
def way_to_broker(context: dict[str, Any]) -> statistics.WayToBroker | None:
    """How the way to the broker is now."""
    return way_of(context["request"]) if "request" in context else None


@register.filter
def link(session: GatewaySession) -> SafeString:
    """The link of a session: glyph, word and colour."""
    return link_mark(session.link)


@register.simple_tag(takes_context=True)
def to_approve(context: dict[str, Any]) -> int:
    """How many approvals wait for this person."""
    user = context["request"].user if "request" in context else None
    return to_decide(at_desk(user)) if user and user.has_perm("orders.decide_approval") else 0


@register.filter
def cut_words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


@register.filter
def lean_cell(cell: SafeString) -> SafeString:
    """A cell of a list without unfold's classes, which `.desk-list` says once; which weigh most of a page."""
    if len(TAGS.sub("", cell)) > LONG:
        cell = mark_safe(cell.replace(' class="', ' class="long ', 1))  # noqa: S308 - a word of ours
    plain = CHECKBOX.sub('class="action-select"', LINK.sub("", CELL.sub(open_cell, cell, count=1), count=1))
    return mark_safe(plain)  # noqa: S308 - it is a cell already, only leaner


def open_cell(found: re.Match[str]) -> str:
    """The tag that opens a cell; a `th` is the heading of its row."""
    opening = "<td" if found[1] == "td" else '<th scope="row"'
    return f"{opening} class=long" if found[2] else opening


@register.filter
def lookup(values: Mapping[str, str], name: str) -> str:
    """A value by a name that is itself a value; empty when there is none."""
    return values.get(name, "")


@register.filter
def plain(value: Decimal | None) -> str:
    """A number as text, for attributes."""
    return "" if value is None else number_text(value)
