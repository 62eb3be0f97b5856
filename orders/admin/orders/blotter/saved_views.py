"""Saved views of the blotter: named filters."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from orders.admin.shared.pages import desk_page
from orders.models import SavedView

MOST = 30
NOT_KEPT = ("p", "e", "_popup")


@desk_page("orders.view_order")
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the filters under a name; the same name again replaces them."""
    name, query = request.POST.get("name", "").strip()[:40], QueryDict(request.POST.get("query", "")[:1000])
    kept = query.copy()
    for part in NOT_KEPT:
        kept.pop(part, None)
    if not name:
        messages.error(request, "A view needs a name; nothing was saved.")
    elif SavedView.objects.filter(owner_id=request.user.pk).exclude(name=name).count() >= MOST:
        messages.error(request, f"You have {MOST} views; delete one first.")
    else:
        values = {"query": kept.urlencode(), "shared": request.POST.get("shared") == "1"}
        SavedView.objects.update_or_create(owner_id=request.user.pk, name=name, defaults=values)
        messages.success(request, f"Saved the view {name}.")
    return HttpResponseRedirect(f"{reverse('admin:orders_order_changelist')}?{kept.urlencode()}", status=303)


@desk_page("orders.view_order")
@require_POST
def delete(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget one of the person's own views."""
    get_object_or_404(SavedView, pk=view_id, owner_id=request.user.pk).delete()
    return HttpResponseRedirect(reverse("admin:orders_order_changelist"), status=303)
