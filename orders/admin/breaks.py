"""Breaks: what our books and the broker's do not agree on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.paginator import InfinitePaginator

from brokers.shown import NOTHING, moment
from orders.access import accounts_of_person
from orders.admin.own import OwnAccountFilter, OwnAccounts
from orders.admin.pages import desk_page, person_of, show
from orders.models import Break
from orders.services import breaks
from orders.services.errors import OrderError

RESOLVE = "orders.resolve_break"


@admin.register(Break)
class BreakAdmin(OwnAccounts):
    """Breaks, newest first; one without a time under "closed" is open."""

    paginator = InfinitePaginator
    account_path = "session__accounts"

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
        ("account", OwnAccountFilter),
        ("closed_at", admin.EmptyFieldListFilter),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Break]:
        """A break of one account is for who has that account."""
        mine = Q(account=None) | Q(account__in=accounts_of_person(request.user))
        return super().get_queryset(request).filter(mine)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Both sides' evidence, what people said, and what can be done."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        names = sorted({*row.ours, *row.broker})
        sides = [(name, row.ours.get(name, NOTHING), row.broker.get(name, NOTHING)) for name in names]
        return show(
            request,
            "desk/break.html",
            f"{row.get_kind_display()} break",
            row=row,
            sides=sides,
            notes=list(row.notes.all()),
            may_decide=request.user.has_perm(RESOLVE) and row.closed_at is None,
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


def take(row: Break, user: User, text: str) -> str:
    """Become its owner."""
    breaks.own_break(row.pk, user=user)
    return "It is yours."


def note(row: Break, user: User, text: str) -> str:
    """Say something about it."""
    breaks.note_break(row.pk, user=user, text=text)
    return "Noted."


def resolve(row: Break, user: User, text: str) -> str:
    """Accept the difference and say why; orders and executions stay as they are."""
    breaks.resolve_break(row.pk, user=user, reason=text)
    return "Resolved. History was not changed."


ACTS = {"take": take, "note": note, "resolve": resolve}


@desk_page("orders.view_break", RESOLVE)
@require_POST
def act(request: HttpRequest, break_id: int, act_name: str) -> HttpResponse:
    """What a person decides about a break, through the service that the API uses."""
    row = admin.site.get_model_admin(Break).get_queryset(request).filter(pk=break_id).first()
    if row is None or act_name not in ACTS:
        raise Http404
    try:
        messages.success(request, ACTS[act_name](row, person_of(request), request.POST.get("text", "")))
    except OrderError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:orders_break_change", args=[break_id]), status=303)
