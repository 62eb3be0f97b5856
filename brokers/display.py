"""How the desk displays values: numbers, times, ages, raw data. Plain functions, no admin."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from brokers.formats import decimal_text
from brokers.port import Link

NOTHING = "–"
MINUS = "−"
OLD_PROFIT = 60.0  # seconds; an older figure says its age
LINK_MARKS = {
    Link.READY: ("✓", "done", "Ready"),
    Link.CONNECTED: ("◔", "doubt", "Connected, not reconciled"),
    Link.BROKER_LOST: ("!", "bad", "Gateway has lost the broker"),
    Link.DOWN: ("✕", "bad", "Down"),
}


def link_mark(link: str) -> SafeString:
    """The link of a session: glyph, word and colour."""
    glyph, family, text = LINK_MARKS.get(Link(link), ("?", "doubt", link))
    return format_html(
        '<span class="state {}"><span aria-hidden="true">{}</span> {}</span>', family, glyph, text
    )


def number(value: Decimal | int | None, places: int | None = None) -> SafeString:
    """A number aligned to the right: thousands by comma, a real minus, no trailing zeros unless `places`."""
    if value is None:
        return format_html('<span class="num">{}</span>', NOTHING)
    plain = decimal_text(Decimal(value))
    text = number_text(Decimal(value), places)
    return format_html('<span class="num" data-plain="{}">{}</span>', plain, text)


def signed(amount: Decimal | None) -> SafeString:
    """Money made or lost, two decimals: the sign says it, no colour."""
    if amount is None:
        return number(None)
    sign = "+" if amount > 0 else ""
    return format_html(
        '<span class="num" data-plain="{}">{}{}</span>', decimal_text(amount), sign, number_text(amount, 2)
    )


def figure(profit: Any, name: str) -> SafeString:
    """One figure of a stored `Profit`, struck through when it is old; nothing when there is none."""
    if profit is None:
        return number(None)
    shown = signed(getattr(profit, name))
    seconds = (timezone.now() - profit.reported_at).total_seconds()
    if seconds <= OLD_PROFIT:
        return shown
    return format_html('<s title="as of {} ago">{}</s>', age_text(seconds), shown)


def number_text(value: Decimal, places: int | None = None) -> str:
    """The words of `number`."""
    text = decimal_text(value) if places is None else f"{value:.{places}f}"
    whole, point, fraction = text.lstrip("-").partition(".")
    return f"{MINUS if text.startswith('-') else ''}{int(whole):,}{point}{fraction}"


def moment(at: datetime | None, precision: str = "seconds") -> SafeString:
    """A time in the person's zone, UTC in its title; the date comes first when it is not today's."""
    if at is None:
        return format_html("{}", NOTHING)
    here = timezone.localtime(at)
    text = here.time().isoformat(precision)
    if here.date() != timezone.localdate():
        text = f"{here.date()} {text}"
    utc = at.astimezone(UTC).isoformat(" ").removesuffix("+00:00")
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), utc, text)


def age_text(seconds: float) -> str:
    """An age in the largest unit that tells something: 41 s, 4 min, 3 h, 2 d."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{max(int(seconds), 0)} s"


def raw(value: Any) -> SafeString:
    """Stored JSON, as it is."""
    return format_html('<pre class="raw">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))
