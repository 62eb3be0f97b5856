"""What the desk's pages share: rows that are only looked at, numbers, times, raw data."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from brokers.formats import decimal_text

NOTHING = "–"
MINUS = "−"


class ReadOnlyAdmin(ModelAdmin):
    """A list and a page to look at; the desk never edits what happened."""

    list_per_page = 100
    list_max_show_all = 0
    list_fullwidth = True
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes."""
        return False


class LongListAdmin(ReadOnlyAdmin):
    """For tables that grow without end: previous and next instead of a count of all rows."""

    paginator = InfinitePaginator


def number(value: Decimal | int | None) -> SafeString:
    """A number aligned to the right: thousands by comma, no trailing zeros, a real minus."""
    if value is None:
        return format_html('<span class="num">{}</span>', NOTHING)
    plain = decimal_text(Decimal(value))
    whole, point, fraction = plain.lstrip("-").partition(".")
    text = f"{MINUS if plain.startswith('-') else ''}{int(whole):,}{point}{fraction}"
    return format_html('<span class="num" data-plain="{}">{}</span>', plain, text)


def moment(at: datetime | None, precision: str = "seconds") -> SafeString:
    """A time in UTC; the date comes first when it is not today's."""
    if at is None:
        return format_html("{}", NOTHING)
    text = at.time().isoformat(precision)
    if at.date() != timezone.now().date():
        text = f"{at.date()} {text}"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), at.isoformat(" "), text
    )


def raw(value: Any) -> SafeString:
    """Stored JSON, as it is."""
    return format_html('<pre class="raw">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))
