"""The first page: does anything need me, is the broker there, what is working, what just happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from brokers.desk import number
from brokers.display import link_mark
from orders import statistics
from orders.access import Accounts, accounts_of_person
from orders.admin.shared.badges import order_badge, side_badge, state_badge
from orders.admin.shared.links import order_link
from orders.admin.shared.pages import desk_page
from orders.models import ALIVE, Order, State
from orders.models.reasons import REASONS
from orders.templatetags.desk import way_of

SHOWN = 8
VIEW = "orders.view_order"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows; nothing for a person who may not see orders."""
    if not request.user.has_perm(VIEW):
        return context
    accounts = accounts_of_person(request.user)
    charts = statistics.over_the_day(accounts)
    return {
        **context,
        **figures(accounts, way_of(request)),
        "charts": charts,
        "is_fullwidth": "1",
        "title": "Dashboard",
    }


@desk_page(VIEW)
def live(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes, as the page itself is made."""
    context = figures(accounts_of_person(request.user), way_of(request))
    return TemplateResponse(request, "desk/dashboard_live.html", context)


@desk_page(VIEW)
def charts(request: HttpRequest) -> HttpResponse:
    """The data of the charts."""
    return JsonResponse(statistics.over_the_day(accounts_of_person(request.user)))


def figures(accounts: Accounts, way: statistics.WayToBroker) -> dict[str, Any]:
    """Everything but the charts."""
    counts = statistics.open_counts(accounts)
    return {
        "open": number(sum(count for state, count in counts.items() if state in ALIVE)),
        "tiles": [tile(state, counts.get(state, 0)) for state in (*ALIVE, State.FILLED)],
        "today": statistics.today(accounts),
        "notional": [
            {**row, "fills": number(row["fills"]), "value": number(row["value"], 2)}
            for row in statistics.notional_today(accounts)
        ],
        "rejects": [reject_row(row) for row in statistics.rejects_by_reason(accounts)],
        "hops": statistics.hop_times(accounts),
        **first_of("calling", statistics.calling_orders(accounts), calling_row),
        **first_of("alerts", statistics.open_alerts(accounts)),
        "breaks": statistics.open_breaks(accounts),
        "stuck": list(statistics.stuck_orders(accounts)[:SHOWN]),
        "sessions": [
            {"session": session, "mark": link_mark(session.link), "shut": why}
            for session, why in way.sessions
        ],
        "newest": [
            {"event": event, "link": order_link(event.order)}
            for event in statistics.newest_events(accounts, SHOWN)
        ],
    }


def first_of(name: str, rows: QuerySet[Any], show: Callable[[Any], Any] = lambda row: row) -> dict[str, Any]:
    """The first rows under this name, and under `name`_more whether there are others."""
    found = list(rows[: SHOWN + 1])
    return {name: [show(row) for row in found[:SHOWN]], f"{name}_more": len(found) > SHOWN}


def blotter_url(**query: str) -> str:
    """The list of orders under this filter."""
    return f"{reverse('admin:orders_order_changelist')}?{urlencode(query)}"


def tile(state: State, count: int) -> dict[str, Any]:
    """One number and the list that it counts."""
    family = "" if count else "idle"
    return {
        "mark": state_badge(state, family),
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
    return {
        "order": order,
        "mark": order_badge(order, ()),
        "link": order_link(order),
        "side": side_badge(order.side),
        "step": step,
    }
