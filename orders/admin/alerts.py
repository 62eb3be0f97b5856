"""Alerts: what waits for a person."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from brokers.desk import LongListAdmin, moment
from orders.models import Alert


@admin.register(Alert)
class AlertAdmin(LongListAdmin):
    """Alerts, newest first; one without a time under "cleared" is open."""

    list_display = ("raised", "kind", "order", "session", "text", "times", "seen", "cleared", "cleared_by")
    list_select_related = ("order", "session", "seen_by")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("session", RelatedDropdownFilter),
        ("cleared_at", admin.EmptyFieldListFilter),
    )

    @admin.display(description="raised", ordering="raised_at")
    def raised(self, alert: Alert) -> SafeString:
        """When it first showed (UTC)."""
        return moment(alert.raised_at)

    @admin.display(description="seen")
    def seen(self, alert: Alert) -> SafeString:
        """When a person first read it."""
        return moment(alert.seen_at)

    @admin.display(description="cleared")
    def cleared(self, alert: Alert) -> SafeString:
        """When it was over."""
        return moment(alert.cleared_at)
