"""Review of many refused and failed orders: they are shown, then one reason counts for each of them."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from orders import statistics
from orders.access import accounts_of_person
from orders.admin.orders.blotter.blotter import as_id, page_rows, with_row
from orders.admin.orders.order.actions import ACTS
from orders.admin.shared.pages import desk_page, person_of, show
from orders.desk.actions import act_on_order
from orders.models import Order, State

REVIEW = ACTS["review"]
REFUSED = (State.REJECTED, State.FAILED)
MOST = 500  # orders of one press: each is an act of its own
SHOWN = 200


def to_review(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Those that were refused or failed and that nobody has marked reviewed."""
    return orders.filter(state__in=REFUSED).exclude(statistics.reviewed())


def preview(request: HttpRequest, orders: QuerySet[Order], problem: str = "") -> HttpResponse:
    """What would be marked; nothing is marked yet."""
    chosen = list(orders.order_by("-id").values_list("pk", flat=True)[:MOST])
    ids = list(to_review(Order.objects.filter(pk__in=chosen)).values_list("pk", flat=True))
    shown = with_row(Order.objects.filter(pk__in=ids[:SHOWN])).order_by("-id")
    return show(
        request,
        "desk/bulk_review.html",
        "Mark orders reviewed",
        key=request.POST.get("key") or uuid4(),
        ids=",".join(str(order_id) for order_id in ids),
        count=len(ids),
        others=len(chosen) - len(ids),
        most=MOST if orders.count() > MOST else None,
        rows=page_rows(request, list(shown)),
        more=max(len(ids) - SHOWN, 0),
        problem=problem,
    )


@desk_page("orders.view_order", REVIEW.permission)
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Mark those that were shown, each once per key."""
    ids = [found for text in request.POST.get("ids", "").split(",")[:MOST] if (found := as_id(text))]
    mine = Order.objects.filter(pk__in=ids, account__in=accounts_of_person(request.user), state__in=REFUSED)
    key, reason = as_id(request.POST.get("key", "")), request.POST.get("reason", "").strip()[:500]
    if key is None or not ids or not reason:
        return preview(request, mine, "Please give a reason; nothing was marked yet.")
    chosen = list(mine.values_list("pk", flat=True))
    for order_id in chosen:
        review(key, order_id, request, reason)
    messages.success(request, f"{len(chosen)} orders marked reviewed; they wait for nobody any more.")
    return HttpResponseRedirect(f"{reverse('admin:orders_order_changelist')}?view=problems", status=303)


def review(key: UUID, order_id: UUID, request: HttpRequest, reason: str) -> None:
    """Mark one, as its own button does; its key comes of the form's and its own."""
    act_on_order(
        uuid5(key, str(order_id)),
        REVIEW.action,
        order_id,
        user=person_of(request),
        reason=reason,
        do=lambda actor: "Marked reviewed with others. It does not wait for a person any more.",
    )
