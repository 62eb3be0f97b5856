"""The built-in views of the blotter: what is open, what waits for a person, the days; and a person's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from orders import statistics
from orders.access import Accounts
from orders.admin.shared.filters import UtcRangeFilter
from orders.models import ALIVE, Order, SavedView, State
from orders.models.order import of_accounts
from orders.models.references import first_id_at
from orders.order_search import OrderFilter, instruments_named

#: What is seen first: while nobody asks for anything else.
FIRST = "now"
VIEWS = {
    FIRST: "Open and today",
    "open": "Open",
    "problems": "Problems",
    "mine": "Mine",
    "today": "Today",
    "yesterday": "Yesterday",
    "week": "This week",
    "month": "This month",
    "rejected": "Rejected",
    "all": "All",
}
OPEN = Q(state__in=ALIVE)
#: Parameters that choose no orders: how they are shown.
HOW = ("sort", "group", "p", "e")


def days(first: datetime, past: datetime | None = None) -> Q:
    """Orders of the days (UTC) from this one on, up to another."""
    until = Q(id__lt=first_id_at(past)) if past else Q()
    return Q(id__gte=first_id_at(first)) & until


def condition_of(view: str, request: HttpRequest) -> Q:
    """Which orders a built-in view shows; days are those of UTC, a week begins on Monday."""
    today = statistics.midnight()
    if view == "mine":
        return Q(client_id=request.user.pk)
    if view == "problems":
        return statistics.calling()
    conditions = {
        FIRST: OPEN | Q(updated_at__gte=today),  # an older one that was filled or canceled today as well
        "open": OPEN,
        "today": days(today),
        "yesterday": days(today - timedelta(days=1), today),
        "week": days(today - timedelta(days=today.weekday())),
        "month": days(today.replace(day=1)),
        "rejected": days(today) & Q(state__in=[State.REJECTED, State.FAILED]),
    }
    return conditions.get(view, Q())


def asked_for(request: HttpRequest) -> str:
    """The view that is asked for; whoever filters or searches without one searches all orders."""
    if "view" in request.GET:
        return request.GET["view"]
    return "" if any(text for name, text in request.GET.items() if name not in HOW) else FIRST


def order_named(text: str) -> Q:
    """Orders that a person means by this text: an id from its start, a symbol or a broker's number.

    The symbol is looked up first: a condition across tables could be answered by no index.
    """
    found = Q(cl_ord_id__startswith=text) | Q(order_ref__startswith=text)
    if symbol := instruments_named(text.upper()):
        found |= Q(instrument__in=symbol)
    if text.isascii() and text.isdigit() and len(text) < 19:
        found |= Q(perm_id=int(text))
    return found


class ReceivedFilter(UtcRangeFilter):
    """By the time of receipt, with which an order's id begins: the index of the ids holds the range."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Orders within the range."""
        since, until = self.ends()
        return super().queryset(request, queryset).filter(OrderFilter(since=since, until=until).ids())


class ViewFilter(admin.SimpleListFilter):
    """The built-in views, as a filter: ?view=open."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All views."""
        return list(VIEWS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Orders of the chosen view."""
        return queryset.filter(condition_of(asked_for(request), request))


def chips(request: HttpRequest, accounts: Accounts) -> list[dict[str, Any]]:
    """The built-in views and the person's own, as links."""
    base, here = reverse("admin:orders_order_changelist"), asked_for(request)
    query = request.GET.urlencode()
    own = SavedView.objects.filter(Q(owner_id=request.user.pk) | Q(shared=True)).select_related("owner")
    saved = [
        {
            "name": view.name,
            "url": f"{base}?{view.query}",
            "here": view.query == query,
            "id": view.pk if view.owner_id == request.user.pk else None,
        }
        for view in own[:30]
    ]
    counts = {"open": f"{Order.objects.filter(of_accounts(accounts), OPEN).count():,}"}
    is_saved = any(view["here"] for view in saved)
    return [
        {
            "name": name,
            "url": f"{base}?view={view}",
            "here": view == here and not is_saved,
            "count": counts.get(view, ""),
        }
        for view, name in VIEWS.items()
    ] + saved
