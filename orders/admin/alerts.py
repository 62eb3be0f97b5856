"""Alerts: what waits for a person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.paginator import InfinitePaginator

from brokers.desk import moment
from orders.access import accounts_of_person
from orders.admin.own import OwnAccounts
from orders.admin.pages import desk_page, person_of, show
from orders.models import Alert
from orders.services.alerts import clear_by_hand

CLEAR = "orders.clear_alert"


@admin.register(Alert)
class AlertAdmin(OwnAccounts):
    """Alerts, newest first; one without a time under "cleared" is open."""

    paginator = InfinitePaginator
    account_path = "session__accounts"

    list_display = ("raised", "kind", "order", "session", "text", "times", "seen", "cleared", "cleared_by")
    list_select_related = ("order", "session", "seen_by")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("session", RelatedDropdownFilter),
        ("cleared_at", admin.EmptyFieldListFilter),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        """An alert about an order is for who has the order's account."""
        mine = Q(order=None) | Q(order__account__in=accounts_of_person(request.user))
        return super().get_queryset(request).filter(mine)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What it says, what it is about, and the way to clear it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        alert = self.get_object(request, object_id)
        if alert is None:
            raise Http404
        may = request.user.has_perm(CLEAR) and alert.cleared_at is None
        return show(request, "desk/alert.html", alert.get_kind_display(), alert=alert, may_clear=may)

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


@desk_page("orders.view_alert", CLEAR)
@require_POST
def clear(request: HttpRequest, alert_id: int) -> HttpResponse:
    """A person has dealt with it and says how."""
    if not admin.site.get_model_admin(Alert).get_queryset(request).filter(pk=alert_id).exists():
        raise Http404
    try:
        clear_by_hand(alert_id, user=person_of(request), note=request.POST.get("text", ""))
        messages.success(request, "Cleared. If its cause goes on, it comes again.")
    except ValueError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:orders_alert_change", args=[alert_id]), status=303)
