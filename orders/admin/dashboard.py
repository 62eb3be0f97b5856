"""The first page: does anything need me, is the broker there, what is working, what just happened."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from brokers.admin import link_mark
from brokers.models import BrokerAccount
from orders import selectors
from orders.admin.marks import order_mark, state_mark
from orders.models import ALIVE, State

SHOWN = 10
PAPER_PREFIX = "DU"


def environment(request: HttpRequest) -> list[str]:
    """PAPER or LIVE, by the accounts and not by a setting; both at once is an error that nobody may miss."""
    paper = {code.startswith(PAPER_PREFIX) for code in BrokerAccount.objects.values_list("code", flat=True)}
    if not paper:
        return ["no account", "info"]
    if paper == {True}:
        return ["PAPER", "success"]
    return ["LIVE - real money", "danger"] if paper == {False} else ["PAPER AND LIVE MIXED", "danger"]


def flower_url(request: HttpRequest) -> str:
    """Where the view of the workers is."""
    return str(settings.FLOWER_URL)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows; nothing for a person who may not see orders."""
    if not request.user.has_perm("orders.view_order"):
        return context
    counts = selectors.open_counts()
    return {
        **context,
        "tiles": [tile(state, counts.get(state, 0)) for state in (*ALIVE, State.FILLED)],
        "attention": [
            {"order": order, "mark": order_mark(order, ())} for order in selectors.needing_a_person(SHOWN)
        ],
        "recent": [
            {"order": order, "mark": order_mark(order, ())} for order in selectors.recent_orders(SHOWN)
        ],
        "sessions": [{"session": row, "mark": link_mark(row.link)} for row in selectors.all_sessions()],
        "inbox_errors": selectors.inbox_errors(),
        "differing": selectors.latest_differing_runs(),
    }


def tile(state: State, count: int) -> dict[str, Any]:
    """One number and the list that it counts."""
    url = reverse("admin:orders_order_changelist")
    return {
        "mark": state_mark(state),
        "count": count,
        "url": f"{url}?{urlencode({'state__in': state.value})}",
    }
