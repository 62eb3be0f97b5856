"""The rows of the blotter, its views and its sums. The same rows answer the live questions of a page."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, DecimalField, ExpressionWrapper, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from brokers.display import NOTHING, number_text, price_text
from orders import selectors, statistics
from orders.access import Accounts, accounts_of_person
from orders.admin.shared.badges import order_badge, side_badge
from orders.admin.shared.pages import desk_page
from orders.models import ALIVE, OPEN_REQUESTS, Order, SavedView, Source, State
from orders.models.order import first_id_at, of_accounts

MAX_ROWS = 200
ID_WIDTH = 14  # characters
MONEY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=38, decimal_places=10)
SHORT_TYPES = {"LIMIT": "LMT", "MARKET": "MKT", "STOP": "STP", "STOP_LIMIT": "STP LMT"}
VIEWS = {
    "open": "Open",
    "problems": "Problems",
    "mine": "Mine",
    "today": "Today",
    "rejected": "Rejected",
}


def condition_of(view: str, request: HttpRequest) -> Q:
    """Which orders a built-in view shows."""
    if view == "open":
        return Q(state__in=ALIVE)
    if view == "problems":
        return statistics.calling()
    if view == "mine":
        return Q(client_id=request.user.pk)
    today = Q(id__gte=first_id_at(statistics.midnight()))
    return today & Q(state__in=[State.REJECTED, State.FAILED]) if view == "rejected" else today


class ViewFilter(admin.SimpleListFilter):
    """The built-in views, as a filter: ?view=open."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All views."""
        return list(VIEWS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Orders of the chosen view."""
        return (
            queryset.filter(condition_of(self.value() or "", request)) if self.value() in VIEWS else queryset
        )


def with_row(orders: QuerySet[Order]) -> QuerySet[Order]:
    """With everything that a row shows, in a fixed number of queries."""
    related = orders.select_related("instrument", "client").prefetch_related("requests")
    return related.annotate(reviewed=statistics.reviewed())


def row(order: Order, may_cancel: bool) -> dict[str, Any]:
    """One order as the blotter shows it; figures are plain text, because a page has a hundred rows."""
    requests = list(order.requests.all())
    alive = order.state in ALIVE
    asked = any(request.state in OPEN_REQUESTS and request.kind == "CANCEL" for request in requests)
    return {
        "order": order,
        "mark": order_badge(order, requests, reviewed=bool(getattr(order, "reviewed", False))),
        "side": side_badge(order.side),
        "qty": number_text(order.order_qty),
        "filled": number_text(order.cum_qty),
        "share": int(min(order.cum_qty / order.order_qty, Decimal(1)) * 100),
        "leaves": number_text(order.leaves_qty) if alive else NOTHING,
        "limit": limit_text(order),
        "average": price_text(order.avg_px, order.instrument, 2) if order.cum_qty else NOTHING,
        "type": type_text(order.ord_type),
        "trader": order.client.get_username() if order.client else "external",
        "short_id": short_id(order.cl_ord_id),
        "doubt": order.state == State.UNCONFIRMED,
        "may_cancel": may_cancel and alive,
        "can_cancel": alive and not asked and order.source != Source.EXTERNAL,
    }


def limit_text(order: Order) -> str:
    """The limit and the stop price, or the type when it has neither."""
    prices = [price_text(px, order.instrument) for px in (order.price, order.stop_px) if px is not None]
    return " / ".join(prices) or type_text(order.ord_type)


def short_id(cl_ord_id: str) -> str:
    """An id that fits its column: begin and end, which tell ids of one client apart."""
    return cl_ord_id if len(cl_ord_id) <= ID_WIDTH else f"{cl_ord_id[:3]}..{cl_ord_id[-9:]}"


def type_text(ord_type: str) -> str:
    """The order type in the three letters that every desk reads."""
    return SHORT_TYPES.get(ord_type, ord_type.replace("_", " "))


def page_rows(request: HttpRequest, orders: list[Order]) -> list[dict[str, Any]]:
    """Rows for this person."""
    may_cancel = request.user.has_perm("orders.cancel_order")
    return [row(order, may_cancel) for order in orders]


@desk_page("orders.view_order")
@require_GET
def rows(request: HttpRequest) -> HttpResponse:
    """These rows as they are now (`?ids=`): asked by a page that heard of a change or may have missed one."""
    wanted = [found for text in request.GET.get("ids", "").split(",")[:MAX_ROWS] if (found := as_id(text))]
    mine = Order.objects.filter(of_accounts(accounts_of_person(request.user)), pk__in=wanted)
    context = {"rows": page_rows(request, list(with_row(mine))), **missed(request)}
    return TemplateResponse(request, "desk/blotter_answer.html", context)


def missed(request: HttpRequest) -> dict[str, Any]:
    """The orders to which something happened after `?after=`, and the place up to which that is told.

    A page hears of nothing between its making and the start of its stream, nor while it is hidden.
    """
    after = selectors.parse_cursor(request.GET.get("after", ""))
    if after is None:
        return {}
    place = selectors.newest_settled_event()  # before the question: rather told twice than never
    changed = selectors.changed_since(after, accounts_of_person(request.user))[:MAX_ROWS]
    return {"place": place, "changed": ",".join(str(order_id) for order_id in changed)}


def as_id(text: str) -> UUID | None:
    """The order id that a text is."""
    try:
        return UUID(text)
    except ValueError:
        return None


@desk_page("orders.view_order")
@require_GET
def peek(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """The fills and the last events of one order, in a dialog."""
    order = Order.objects.filter(of_accounts(accounts_of_person(request.user)), pk=order_id)
    found = order.select_related("instrument").first()
    context = {
        "order": found,
        "fills": list(found.executions.order_by("-id")[:10]) if found else [],
        "events": list(found.events.order_by("-version")[:5]) if found else [],
    }
    return TemplateResponse(request, "desk/peek.html", context, status=200 if found else 404)


def chips(request: HttpRequest, accounts: Accounts) -> list[dict[str, Any]]:
    """The built-in views and the person's own, as links."""
    base = reverse("admin:orders_order_changelist")
    here = request.GET.get("view", "")
    alive = Order.objects.filter(of_accounts(accounts), state__in=ALIVE).count()
    counts = {"open": number_text(Decimal(alive))}
    shown = [{"name": "All", "url": base, "here": not request.GET}]
    shown += [
        {"name": name, "url": f"{base}?view={view}", "here": view == here, "count": counts.get(view, "")}
        for view, name in VIEWS.items()
    ]
    own = SavedView.objects.filter(Q(owner_id=request.user.pk) | Q(shared=True)).select_related("owner")
    query = request.GET.urlencode()
    return shown + [
        {
            "name": view.name,
            "url": f"{base}?{view.query}",
            "here": view.query == query,
            "id": view.pk if view.owner_id == request.user.pk else None,
        }
        for view in own[:30]
    ]


@desk_page("orders.view_order")
@require_GET
def sums(request: HttpRequest) -> HttpResponse:
    """The sums of a view: asked for after the rows are there, because they read every order of the view."""
    model_admin: Any = admin.site.get_model_admin(Order)
    orders = model_admin.get_changelist_instance(request).get_queryset(request)
    return TemplateResponse(request, "desk/blotter_sums.html", {"totals": totals(orders)})


def totals(orders: QuerySet[Order]) -> list[dict[str, Any]]:
    """Sums of what a view shows, by currency: orders, what is left, its value and what was executed."""
    left = ExpressionWrapper(F("order_qty") - F("cum_qty"), output_field=MONEY)
    alive = Q(state__in=ALIVE)
    px = Coalesce(F("price"), F("stop_px"), F("instrument__last_px"), Value(Decimal(0)), output_field=MONEY)
    plain = Order.objects.filter(pk__in=orders.order_by().values("pk")).order_by()
    found = plain.values(currency=F("instrument__currency")).annotate(
        count=Count("id"),
        leaves=Coalesce(Sum(left, filter=alive), Value(Decimal(0)), output_field=MONEY),
        value=Coalesce(Sum(left * px, filter=alive), Value(Decimal(0)), output_field=MONEY),
        done=Coalesce(
            Sum(F("cum_qty") * F("avg_px"), filter=Q(cum_qty__gt=0), output_field=MONEY),
            Value(Decimal(0)),
            output_field=MONEY,
        ),
    )
    return [dict(line) for line in found.order_by("currency")]


#: Columns of the table: name in list_display, heading, whether it is a number.
HEADINGS = (
    ("state_now", "State", False),
    ("updated", "Updated", False),
    ("age", "Age", False),
    ("shown_side", "Side", False),
    ("qty", "Qty", True),
    ("instrument", "Instrument", False),
    ("filled", "Filled", True),
    ("leaves", "Leaves", True),
    ("limit", "Limit / stop", True),
    ("average", "Avg px", True),
    ("terms", "Type", False),
    ("account", "Account", False),
    ("trader", "Trader", False),
    ("cl_ord_id", "Order", False),
)
SORTABLE = {"state_now", "updated", "shown_side", "account", "cl_ord_id"}


def headings(cl: Any) -> list[dict[str, Any]]:
    """Headings with the link that sorts by each and what it is sorted by now."""
    sorted_by = cl.get_ordering_field_columns() if cl.params.get("o") else {}
    shown = []
    for name, text, is_number in HEADINGS:
        index = cl.list_display.index(name) if name in cl.list_display else None
        now = sorted_by.get(index, "")
        url = ""
        if name in SORTABLE and index is not None:
            url = cl.get_query_string({"o": f"-{index}" if now == "asc" else str(index)})
        aria = {"asc": "ascending", "desc": "descending"}.get(now, "")
        shown.append({"text": text, "num": is_number, "url": url, "sort": aria})
    return shown
