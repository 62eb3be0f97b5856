"""Alerts: what waits for a person."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from brokers.desk import moment
from orders.admin.operations.attention import AttentionAdmin, decide
from orders.admin.shared.pages import desk_page, show
from orders.models import Alert
from orders.notify.alerts import clear_by_hand

CLEAR = "orders.clear_alert"


@admin.register(Alert)
class AlertAdmin(AttentionAdmin):
    """Alerts, newest first; one without a time under "cleared" is open."""

    about = "order"
    account_of_row = "order__account"

    list_display = ("raised", "kind", "order", "session", "text", "times", "seen", "cleared", "cleared_by")
    list_select_related = ("order", "session", "seen_by")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("session", RelatedDropdownFilter),
        ("cleared_at", admin.EmptyFieldListFilter),
    )

    def row_view(self, request: HttpRequest, row: Alert) -> HttpResponse:
        """What it says, what it is about, and the way to clear it."""
        may = request.user.has_perm(CLEAR) and row.cleared_at is None
        return show(request, "desk/alert.html", row.get_kind_display(), alert=row, may_clear=may)

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


def done(alert: Alert, user: User, text: str) -> str:
    """It has been dealt with; the text says how."""
    clear_by_hand(alert.pk, user=user, note=text)
    return "Cleared. If its cause goes on, it comes again."


@desk_page("orders.view_alert", CLEAR)
@require_POST
def clear(request: HttpRequest, alert_id: int) -> HttpResponse:
    """A person has dealt with it and says how."""
    return decide(request, Alert, alert_id, done)
