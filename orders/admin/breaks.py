"""Breaks: what our books and the broker's do not agree on."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from brokers.desk import LongListAdmin, moment
from orders.models import Break


@admin.register(Break)
class BreakAdmin(LongListAdmin):
    """Breaks, newest first; one without a time under "closed" is open."""

    list_display = (
        "first",
        "kind",
        "text",
        "account",
        "order",
        "last",
        "times",
        "owner",
        "closed",
        "closed_by",
    )
    list_select_related = ("account", "order", "owner")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("account", RelatedDropdownFilter),
        ("closed_at", admin.EmptyFieldListFilter),
    )

    @admin.display(description="first seen", ordering="first_seen")
    def first(self, row: Break) -> SafeString:
        """When a comparison first showed it (UTC)."""
        return moment(row.first_seen)

    @admin.display(description="last seen", ordering="last_seen")
    def last(self, row: Break) -> SafeString:
        """When a comparison last showed it (UTC)."""
        return moment(row.last_seen)

    @admin.display(description="closed")
    def closed(self, row: Break) -> SafeString:
        """When it was closed (UTC)."""
        return moment(row.closed_at)
