"""The first page: does anything need me, is the broker there, what is working, what just happened."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from brokers.admin import link_mark
from brokers.desk import number
from orders import desk_figures
from orders.access import Accounts, accounts_of_person
from orders.admin.marks import order_mark, state_mark
from orders.admin.pages import desk_page
from orders.models import ALIVE, Order, State
from orders.models.reasons import REASONS

SHOWN = 8
VIEW = "orders.view_order"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows; nothing for a person who may not see orders."""
    if not request.user.has_perm(VIEW):
        return context
    accounts = accounts_of_person(request.user)
    charts = desk_figures.over_the_day(accounts)
    return {**context, **figures(accounts), "charts": charts, "is_fullwidth": "1", "title": "Dashboard"}


@desk_page(VIEW)
def live(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes, as the page itself is made."""
    context = figures(accounts_of_person(request.user))
    return TemplateResponse(request, "desk/dashboard_live.html", context)


@desk_page(VIEW)
def charts(request: HttpRequest) -> HttpResponse:
    """The data of the charts."""
    return JsonResponse(desk_figures.over_the_day(accounts_of_person(request.user)))


def figures(accounts: Accounts) -> dict[str, Any]:
    """Everything but the charts."""
    counts = desk_figures.open_counts(accounts)
    return {
        "open": number(sum(count for state, count in counts.items() if state in ALIVE)),
        "tiles": [tile(state, counts.get(state, 0)) for state in (*ALIVE, State.FILLED)],
        "today": desk_figures.today(accounts),
        "notional": [
            {**row, "fills": number(row["fills"]), "value": number(row["value"], 2)}
            for row in desk_figures.notional_today(accounts)
        ],
        "rejects": [reject_row(row) for row in desk_figures.rejects_by_reason(accounts)],
        "hops": desk_figures.hop_times(accounts),
        "calling": [calling_row(order) for order in desk_figures.calling_orders(accounts)[:SHOWN]],
        "alerts": list(desk_figures.open_alerts(accounts)[:SHOWN]),
        "breaks": desk_figures.open_breaks(accounts),
        "stuck": list(desk_figures.stuck_orders(accounts)[:SHOWN]),
        "sessions": [
            {"session": row, "mark": link_mark(row.link)} for row in desk_figures.sessions_seen(accounts)
        ],
        "newest": list(desk_figures.newest_events(accounts, SHOWN)),
    }


def blotter_url(**query: str) -> str:
    """The list of orders under this filter."""
    return f"{reverse('admin:orders_order_changelist')}?{urlencode(query)}"


def tile(state: State, count: int) -> dict[str, Any]:
    """One number and the list that it counts."""
    family = "" if count else "idle"
    return {
        "mark": state_mark(state, family),
        "count": number(count),
        "url": blotter_url(state__in=state.value),
    }


def reject_row(row: dict[str, Any]) -> dict[str, Any]:
    """A reason with its words and the list of its orders."""
    code = row["reason_code"]
    return {
        **row,
        "text": REASONS[code].text if code in REASONS else "",
        "url": blotter_url(view="today", reason_code=code),
    }


def calling_row(order: Order) -> dict[str, Any]:
    """An order that needs a person, and what that person does next."""
    if order.held_for_desk:
        step = "Decide: send it again or give it up"
    elif order.state == State.UNCONFIRMED:
        step = "The broker is being asked; it is not resent"
    else:
        step = REASONS[order.reason_code].desk if order.reason_code in REASONS else "Read and mark reviewed"
    return {"order": order, "mark": order_mark(order, ()), "step": step}
