"""What a person chooses about the blotter: which columns, and in which order."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from orders.admin.orders.blotter import columns
from orders.admin.shared.pages import desk_page, own_place, person_of
from orders.models import DeskSettings


@desk_page("orders.view_order")
@require_http_methods(["GET", "POST"])
def choose_columns(request: HttpRequest) -> HttpResponse:
    """GET gives the dialog; POST keeps the ticked columns in the order in which they come."""
    if request.method == "GET":
        shown = columns.chosen(request.user)
        others = [column for column in columns.COLUMNS if column not in shown]
        context = {"shown": shown, "others": others, "always": columns.ALWAYS}
        return TemplateResponse(request, "desk/columns.html", context)
    wanted = [] if "reset" in request.POST else request.POST.getlist("column")
    kept = [column.name for column in columns.named(wanted)] if wanted else []
    DeskSettings.objects.update_or_create(user=person_of(request), defaults={"columns": kept})
    messages.success(request, "Your columns are kept." if kept else "The columns are the desk's own again.")
    following = own_place(request, request.POST.get("next", ""), reverse("admin:orders_order_changelist"))
    return HttpResponseRedirect(following, status=303)
