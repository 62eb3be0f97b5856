"""What is asked of a parent as a whole, from its row in the blotter: a dialog that says what goes with it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from brokers.formats import decimal_text
from orders.access import accounts_of_person
from orders.admin.orders import sliced
from orders.admin.orders.actions import ActForm
from orders.admin.shared.pages import desk_page, own_place, person_of
from orders.desk.actions import once
from orders.entry.groups import cancel_group, find_group
from orders.models import ALIVE, DeskAction, Order, OrderGroup

SAFE = {"pause": "Let it go on", "resume": "Leave it paused", "cancel": "Keep order"}


def line(order: Order) -> str:
    """An order as the dialog names it."""
    left = decimal_text(order.leaves_qty)
    return f"{order.cl_ord_id}: {order.side} {left} left of {decimal_text(order.order_qty)} {order.ord_type}"


def dialog(request: HttpRequest, **context: Any) -> TemplateResponse:
    """The dialog; its key makes the press count once."""
    form = ActForm(initial={"key": uuid4(), "reason": "Asked by the desk", "next": ""})
    return TemplateResponse(request, "desk/parent_dialog.html", {"form": form, **context})


@desk_page("orders.view_order")
@require_GET
def ask_sliced(request: HttpRequest, parent_id: UUID, act_name: str) -> HttpResponse:
    """Pause, resume or cancel an order in slices: what would happen."""
    parent = sliced.of_person(request).filter(pk=parent_id).first()
    if parent is None or act_name not in sliced.ACTS:
        raise Http404
    if not request.user.has_perm(sliced.ACTS[act_name][1]):
        raise PermissionDenied
    out = [child for child in parent.children.all() if child.state in ALIVE]
    words = {
        "pause": "No further slice is sent until it is resumed. Slices that are out stay and can still fill.",
        "resume": "A slice goes out at once if one is due, the rest over what remains of its time.",
        "cancel": "No further slice is sent, and those that are out are canceled. Until the broker answers, "
        "they can still fill.",
    }
    return dialog(
        request,
        title=f"{sliced.VERBS[act_name]}: {parent.cl_ord_id}?",
        verb=sliced.VERBS[act_name],
        keep=SAFE[act_name],
        words=words[act_name],
        taken=[line(child) for child in out] if act_name == "cancel" else [],
        url=reverse("desk:sliced_act", args=[parent_id, act_name]),
    )


@desk_page("orders.view_order", "orders.cancel_order")
@require_http_methods(["GET", "POST"])
def cancel_whole(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Cancel every living order of a bracket or group, once per key."""
    try:
        group = find_group(group_id, sorted(accounts_of_person(request.user)))
    except OrderGroup.DoesNotExist:
        raise Http404 from None
    if request.method == "GET":
        alive = group.orders.filter(state__in=ALIVE).order_by("group_rank")
        return dialog(
            request,
            title=f"Cancel the whole {group.get_kind_display().split(':')[0].lower()} {group.list_id}?",
            verb="Cancel all of it",
            keep="Keep orders",
            words="Until the broker answers, each can still fill. What has executed stays.",
            taken=[line(order) for order in alive],
            url=request.path,
        )
    form = ActForm(request.POST)
    following = own_place(request, request.POST.get("next", ""), reverse("admin:orders_order_changelist"))
    if not form.is_valid():
        messages.error(request, "Please give a reason; nothing was canceled.")
        return HttpResponseRedirect(following, status=303)

    def work(actor: str) -> str:
        asked = cancel_group(group, actor=actor, at=timezone.now())
        return f"{group.list_id}: cancel asked of {len(asked)} orders. Until answered, they can still fill."

    reason = form.cleaned_data["reason"]
    done = once(form.cleaned_data["key"], DeskAction.CANCEL, user=person_of(request), reason=reason, do=work)
    (messages.warning if done.ok else messages.error)(request, done.outcome)
    return HttpResponseRedirect(following, status=303)
