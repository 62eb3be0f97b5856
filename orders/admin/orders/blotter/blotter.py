"""The rows of the blotter and its sums. The same rows answer the live questions of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from orders import selectors, statistics
from orders.access import accounts_of_person
from orders.admin.orders.blotter import columns, figures
from orders.admin.orders.blotter.columns import Column
from orders.admin.orders.blotter.grouping import added_up, grouped, grouping_of, sums_by_key
from orders.admin.shared.pages import desk_page
from orders.models import ALIVE, OPEN_REQUESTS, Order, Source, State
from orders.models.order import of_accounts

MAX_ROWS = 200
#: What no row shows and is long to read: above all JSON.
NOT_SHOWN = ("check_report", "special", "links", "request_hash", "ruleset", "checked_at", "checked_snapshot")


def with_row(orders: QuerySet[Order]) -> QuerySet[Order]:
    """With everything that a row shows, in a fixed number of queries."""
    related = orders.select_related("client", "parent", "group").defer(*NOT_SHOWN)
    # A hundred rows are of a few instruments: each is read and made once.
    related = related.prefetch_related("instrument", "requests", "parent__children", "group__orders")
    return related.annotate(reviewed=statistics.reviewed(), notional=figures.NOTIONAL, **figures.DISTANCES)


def rows_of(ids: Sequence[UUID]) -> list[Order]:
    """The orders of these ids with their rows, in this order.

    The ids of a page are looked for alone: nothing of a row is computed, or carried through a sort, for all
    the others.
    """
    found = with_row(Order.objects.filter(pk__in=ids)).in_bulk() if ids else {}
    return [found[pk] for pk in ids if pk in found]


def page_rows(
    request: HttpRequest, orders: Sequence[Order], shown: Sequence[Column] = ()
) -> list[dict[str, Any]]:
    """Rows with the columns that this person has chosen, and with what this person may ask for."""
    shown = shown or columns.chosen(request.user)
    may = {name: request.user.has_perm(f"orders.{name}_order") for name in ("cancel", "replace")}
    return [{**row(order, shown), "may": may} for order in orders]


def row(order: Order, shown: Sequence[Column]) -> dict[str, Any]:
    """One order as the blotter shows it; figures are plain text, because a page has a hundred rows."""
    asked = any(asked.state in OPEN_REQUESTS and asked.kind == "CANCEL" for asked in order.requests.all())
    can_ask = order.is_alive and not asked and order.source != Source.EXTERNAL
    return {
        "order": order,
        "cells": cells(order, shown),
        "doubt": order.state == State.UNCONFIRMED,
        "alive": order.state in ALIVE,
        "can_cancel": can_ask,
        "can_replace": can_ask and not order.held_for_desk and not order.awaits_approval,
    }


def cells(order: Order, shown: Sequence[Column]) -> SafeString:
    """The cells of a row; that of the order itself is the heading of the row.

    A cell ends where the next one begins, and needs no tag that says so: a page has thousands.
    """
    return format_html_join("", "{}{}", ((column.opening, column.show(order)) for column in shown))


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
def prices(request: HttpRequest) -> HttpResponse:
    """The market's cells of these working orders: it moves without anything happening to an order."""
    shown = [column for column in columns.chosen(request.user) if column.is_price]
    wanted = [found for text in request.GET.get("ids", "").split(",")[:MAX_ROWS] if (found := as_id(text))]
    mine = Order.objects.filter(of_accounts(accounts_of_person(request.user)), pk__in=wanted)
    priced = mine.select_related("instrument").annotate(**figures.DISTANCES)
    told = {
        str(order.pk): {column.name: conditional_escape(column.show(order)) for column in shown}
        for order in (priced if shown else ())
    }
    return JsonResponse(told)


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


@desk_page("orders.view_order")
@require_GET
def sums(request: HttpRequest) -> HttpResponse:
    """The sums of a view: asked for after the rows are there, because they read every order of the view."""
    model_admin: Any = admin.site.get_model_admin(Order)
    changes = model_admin.get_changelist_instance(request)
    grouping, view = grouping_of(request), changes.queryset
    page = changes.result_list if grouping else []
    of_many = sums_by_key(grouping, view) if grouping and grouping.is_of_many else None
    lines = grouped(request, view, [{"order": order} for order in page], of_many)
    context = {
        "totals": totals(view) if of_many is None else added_up(of_many),
        "heads": [line["head"] for line in lines if "head" in line],
    }
    return TemplateResponse(request, "desk/blotter_sums.html", context)


def totals(orders: QuerySet[Order]) -> list[dict[str, Any]]:
    """Sums of what a view shows, by currency: orders, what is left, its value and what was executed."""
    found = orders.order_by().values(currency=F("instrument__currency")).annotate(**figures.SUMS)
    return [dict(line) for line in found.order_by("currency")]
