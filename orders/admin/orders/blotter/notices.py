"""Notices of fills, refusals and doubt: what a person has chosen to hear or to see, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from brokers.display import number_text, price_text
from orders.access import accounts_of_person
from orders.admin.orders.blotter.blotter import as_id
from orders.admin.shared.pages import desk_page, own_place, person_of
from orders.models import DeskSettings, EventKind, Order
from orders.models.order import of_accounts

#: What can be told, by which events of an order.
NOTICES = {
    "FILL": ("Fills", (EventKind.EXECUTION,)),
    "REJECT": (
        "Refused or failed orders, refused replaces and cancels",
        (EventKind.REJECTED, EventKind.FAILED, EventKind.CANCEL_REFUSED, EventKind.REPLACE_REFUSED),
    ),
    "DOUBT": ("Orders in doubt or held for a person", (EventKind.IN_DOUBT, EventKind.HELD_FOR_DESK)),
}
WAYS = {"SOUND": "a sound", "DESKTOP": "a notice of the desktop"}
MOST = 5  # orders that a notice names


def chosen(request: HttpRequest) -> dict[str, list[str]]:
    """How each is told to this person; nothing is, before it was asked for."""
    kept = (
        DeskSettings.objects.filter(user__pk=request.user.pk or 0).values_list("notices", flat=True).first()
    )
    return {name: [way for way in WAYS if way in (kept or {}).get(name, ())] for name in NOTICES}


@desk_page("orders.view_order")
@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """GET gives the dialog; POST keeps what was ticked."""
    if request.method == "GET":
        now = chosen(request)
        rows = [
            {
                "name": name,
                "words": words,
                "ways": [{"name": way, "words": said, "on": way in now[name]} for way, said in WAYS.items()],
            }
            for name, (words, _) in NOTICES.items()
        ]
        return TemplateResponse(request, "desk/notices.html", {"rows": rows})
    kept = {name: [way for way in WAYS if way in request.POST.getlist(name)] for name in NOTICES}
    DeskSettings.objects.update_or_create(user=person_of(request), defaults={"notices": kept})
    messages.success(request, "Your notices are kept.")
    following = own_place(request, request.POST.get("next", ""), reverse("admin:orders_order_changelist"))
    return HttpResponseRedirect(following, status=303)


@desk_page("orders.view_order")
@require_GET
def settings(request: HttpRequest) -> HttpResponse:
    """Which events of the stream a page has to tell: {kind: {"notice": "FILL", "ways": [...]}}."""
    now = chosen(request)
    return JsonResponse(
        {
            kind: {"notice": name, "ways": now[name]}
            for name, (_, kinds) in NOTICES.items()
            if now[name]
            for kind in kinds
        }
    )


@desk_page("orders.view_order")
@require_GET
def words(request: HttpRequest) -> HttpResponse:
    """What to say of orders: `?FILL=id,id&DOUBT=id`."""
    said = {
        name: [found for text in request.GET.get(name, "").split(",")[:200] if (found := as_id(text))]
        for name in NOTICES
    }
    mine = Order.objects.filter(of_accounts(accounts_of_person(request.user)))
    orders = mine.filter(pk__in=[key for keys in said.values() for key in keys]).select_related("instrument")
    known = {order.pk: order for order in orders}
    lines = {name: [known[key] for key in keys if key in known] for name, keys in said.items()}
    return JsonResponse({"title": title(lines), "body": body(lines)})


def title(lines: Mapping[str, Sequence[Order]]) -> str:
    """How many of each."""
    words = {"FILL": "with a fill", "REJECT": "refused", "DOUBT": "in doubt"}
    return ", ".join(f"{len(found)} {words[name]}" for name, found in lines.items() if found)


def body(lines: Mapping[str, Sequence[Any]]) -> str:
    """The orders by name."""
    told = [line(order) for found in lines.values() for order in found]
    more = [f"and {len(told) - MOST} more"] if len(told) > MOST else []
    return "\n".join([*told[:MOST], *more])


def line(order: Order) -> str:
    """One order in a line."""
    what = f"{order.side} {number_text(order.order_qty)} {order.instrument.symbol}"
    done = (
        f", {number_text(order.cum_qty)} at {price_text(order.avg_px, order.instrument, 2)}"
        if order.cum_qty
        else ""
    )
    why = f" {order.reason_code}" if order.reason_code else ""
    return f"{order.cl_ord_id}: {what} is {order.get_state_display().lower()}{why}{done}"
