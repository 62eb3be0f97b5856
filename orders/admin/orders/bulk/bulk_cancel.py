"""Cancel of many orders: a preview of what can be canceled, a typed number above ten, then progress."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from orders.access import accounts_of_person
from orders.admin.orders.blotter.blotter import as_id, page_rows, with_row
from orders.admin.shared.pages import desk_page, person_of, show
from orders.desk.jobs import MAX_ROWS, start_cancels
from orders.entry.cancel import canceled_with
from orders.models import ALIVE, Order, Source

TYPED_ABOVE = 10
SHOWN = 200


def living(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Those that can be canceled."""
    return orders.filter(state__in=ALIVE).exclude(source=Source.EXTERNAL)


def taken_along(ids: list[UUID]) -> list[str]:
    """Orders that were not chosen and that the broker cancels with those that were, by cl_ord_id."""
    chosen, members = set(ids), defaultdict(list)
    groups = Order.objects.filter(pk__in=ids, group__isnull=False).values("group")
    for order in Order.objects.filter(group__in=groups).select_related("group").order_by("group_rank"):
        members[order.group_id].append(order)
    return sorted({
        other.cl_ord_id
        for group in members.values()
        for order in group
        if order.pk in chosen
        for other in canceled_with(order, group)
        if other.pk not in chosen
    })  # fmt: skip


def preview(request: HttpRequest, orders: QuerySet[Order], problem: str = "") -> HttpResponse:
    """What would happen; nothing happens yet."""
    chosen = orders.order_by("-id")[: MAX_ROWS + 1]
    ids = list(living(Order.objects.filter(pk__in=chosen.values("pk"))).values_list("pk", flat=True))
    total = chosen.count()
    context: dict[str, Any] = {
        "key": request.POST.get("key") or uuid4(),
        "ids": ",".join(str(key) for key in ids),
        "count": len(ids),
        "over": total - len(ids),
        "too_many": total > MAX_ROWS,
        "taken": taken_along(ids),
        "typed": len(ids) > TYPED_ABOVE,
        "rows": page_rows(request, list(with_row(Order.objects.filter(pk__in=ids[:SHOWN])))),
        "more": max(len(ids) - SHOWN, 0),
        "problem": problem,
    }
    return show(request, "desk/bulk_cancel.html", "Cancel orders", **context)


@desk_page("orders.view_order", "orders.cancel_order")
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Start it: the orders that were shown, of the person's accounts, once per key."""
    ids = [found for text in request.POST.get("ids", "").split(",") if (found := as_id(text))]
    mine = Order.objects.filter(pk__in=ids[:MAX_ROWS], account__in=accounts_of_person(request.user))
    key = as_id(request.POST.get("key", ""))
    problem = problem_of(request, ids, key)
    if problem or key is None:
        return preview(request, mine, problem)
    orders = list(mine.order_by("-id"))
    job = start_cancels(key, orders, user=person_of(request), reason=request.POST["reason"].strip()[:500])
    messages.warning(
        request, f"{len(orders)} cancels are on their way. Until answered, orders can still fill."
    )
    return HttpResponseRedirect(reverse("desk:job", args=[job.id]), status=303)


def problem_of(request: HttpRequest, ids: list[UUID], key: UUID | None) -> str:
    """Why it is not started; empty when it is."""
    if key is None or not ids:
        return "Nothing was chosen, so nothing was canceled."
    if not request.POST.get("reason", "").strip():
        return "Please give a reason; nothing was canceled yet."
    if len(ids) > TYPED_ABOVE and request.POST.get("typed", "").strip() != str(len(ids)):
        return f"Type {len(ids)}, the number of orders; nothing was canceled yet."
    return ""
