"""How the desk displays values: numbers, times, ages, raw data. Plain functions, no admin."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol

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


class Ticked(Protocol):
    """What has prices: an instrument; `min_tick` is None while the broker has not told it."""

    @property
    def min_tick(self) -> Decimal | None: ...


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


def tick_places(instrument: Ticked) -> int | None:
    """Decimals of the instrument's prices; None while the broker has not told its tick."""
    return _places(instrument.min_tick) if instrument.min_tick else None


def price_text(px: Decimal | None, instrument: Ticked | None, extra: int = 0) -> str:
    """A price with the instrument's decimals, and `extra` more; a finer one is shown in full."""
    if px is None:
        return NOTHING
    places = tick_places(instrument) if instrument else None
    if places is None:
        return number_text(px)
    return number_text(px, places + extra if extra else max(places, _places(px)))


def price(px: Decimal | None, instrument: Ticked | None, extra: int = 0) -> SafeString:
    """`price_text` as a cell, aligned like every number."""
    plain = "" if px is None else decimal_text(px)
    return format_html(
        '<span class="num" data-plain="{}">{}</span>', plain, price_text(px, instrument, extra)
    )


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def money(amount: Decimal | None, currency: str = "") -> SafeString:
    """An amount of money: two decimals and its currency; what that rounds away is in the title."""
    if amount is None:
        return number(None)
    plain, text = decimal_text(amount), f"{number_text(amount, 2)} {currency}".rstrip()
    title = format_html(' title="{}"', number_text(amount)) if _places(amount) > 2 else ""
    return format_html('<span class="num" data-plain="{}"{}>{}</span>', plain, title, text)


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
    is_negative = text.startswith("-") and text.strip("-0.") != ""  # what rounds to zero has no sign
    return f"{MINUS if is_negative else ''}{int(whole):,}{point}{fraction}"


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


def day(value: date | None) -> str:
    """A date, in the one form that every country reads alike."""
    return NOTHING if value is None else value.isoformat()


def age_text(seconds: float) -> str:
    """An age in the largest unit that tells something: 41 s, 4 min, 3 h, 2 d."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{max(int(seconds), 0)} s"


def raw(value: Any) -> SafeString:
    """Stored JSON, as it is."""
    return format_html('<pre class="raw">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))
