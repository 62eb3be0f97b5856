"""Sliced orders: a list of them, and a page each with progress, slices, pause, resume and cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST

from orders.access import accounts_of_person
from orders.admin.orders.order.actions import ActForm, named
from orders.admin.shared.badges import order_badge
from orders.admin.shared.pages import desk_page, person_of, show
from orders.desk.actions import once
from orders.entry import slicer
from orders.models import ALIVE, SLICING, DeskAction, SlicedOrder, SliceState

VIEW = "orders.view_order"
NEWEST = 100
Act = Callable[[UUID, str, str], SlicedOrder]
FAMILIES = {
    SliceState.RUNNING: ("alive", "▶"),
    SliceState.PAUSED: ("doubt", "‖"),
    SliceState.ENDING: ("alive", "◔"),
    SliceState.DONE: ("done", "✓"),
    SliceState.ENDED: ("over", "⧖"),
    SliceState.CANCELED: ("over", "–"),
}
#: What can be asked: its kind in the record, the right, the state in which it is meant, what does it.
ACTS: dict[str, tuple[DeskAction, str, tuple[SliceState, ...], Act]] = {
    "pause": (
        DeskAction.PAUSE,
        "orders.place_order",
        (SliceState.RUNNING,),
        lambda parent_id, actor, why: slicer.pause(parent_id, actor=actor, at=timezone.now(), why=why),
    ),
    "resume": (
        DeskAction.RESUME,
        "orders.place_order",
        (SliceState.PAUSED,),
        lambda parent_id, actor, why: slicer.resume(parent_id, actor=actor, at=timezone.now(), why=why),
    ),
    "cancel": (
        DeskAction.CANCEL,
        "orders.cancel_order",
        SLICING,
        lambda parent_id, actor, why: slicer.cancel_sliced(parent_id, actor=actor, at=timezone.now()),
    ),
}
VERBS = {"pause": "Pause", "resume": "Resume", "cancel": "Cancel the rest"}
KEEP = {"pause": "Let it go on", "resume": "Leave it paused", "cancel": "Keep order"}
WORDS = {
    "pause": "No further slice is sent until it is resumed. Slices that are out stay and can still fill.",
    "resume": "A slice goes out at once if one is due, the rest over what remains of its time.",
    "cancel": "No further slice is sent, and those that are out are canceled. Until the broker answers, "
    "they can still fill.",
}


def of_person(request: HttpRequest) -> QuerySet[SlicedOrder]:
    """The sliced orders of the person's accounts, with what a page shows."""
    mine = SlicedOrder.objects.filter(account__in=accounts_of_person(request.user))
    return mine.select_related("instrument", "account", "client", "approval").prefetch_related("children")


def parent_of(request: HttpRequest, parent_id: UUID) -> SlicedOrder:
    """One of them; raises Http404."""
    return get_object_or_404(of_person(request), pk=parent_id)


def figures(parent: SlicedOrder) -> dict[str, Any]:
    """The parent with its quantities."""
    has = slicer.progress(parent)
    family, glyph = FAMILIES[SliceState(parent.state)]
    return {
        "parent": parent,
        "family": family,
        "glyph": glyph,
        "has": has,
        "leaves": max(parent.order_qty - has.cum_qty, 0) if parent.state in SLICING else 0,
        "share": min(int(has.cum_qty / parent.order_qty * 100), 100),
    }


def acts_of(request: HttpRequest, parent: SlicedOrder) -> list[dict[str, str]]:
    """What this person can ask of it now."""
    return [
        {"name": name, "verb": VERBS[name]}
        for name, (_, right, states, _) in ACTS.items()
        if parent.state in states and request.user.has_perm(right)
    ]


@desk_page(VIEW)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The newest sliced orders."""
    rows = [figures(parent) for parent in of_person(request)[:NEWEST]]
    return show(request, "desk/sliced_list.html", "Sliced orders", rows=rows)


def page_context(request: HttpRequest, parent_id: UUID) -> dict[str, Any]:
    """Everything that the page shows."""
    parent = parent_of(request, parent_id)
    children = parent.children.prefetch_related("requests").select_related("instrument").order_by("-id")
    return {
        **figures(parent),
        "rows": [{"order": child, "mark": order_badge(child, child.requests.all())} for child in children],
        "history": [{**line, "at": parse_datetime(line["at"])} for line in reversed(parent.history)],
        "acts": acts_of(request, parent),
    }


@desk_page(VIEW)
@require_GET
def page(request: HttpRequest, parent_id: UUID) -> HttpResponse:
    """One sliced order; `?live=1` gives the part that changes."""
    context = page_context(request, parent_id)
    if request.GET.get("live"):
        return TemplateResponse(request, "desk/sliced_live.html", context)
    return show(request, "desk/sliced.html", f"TWAP {context['parent'].cl_ord_id}", key=uuid4(), **context)


@desk_page(VIEW)
@require_GET
def ask(request: HttpRequest, parent_id: UUID, act_name: str) -> HttpResponse:
    """Pause, resume or cancel an order in slices: what would happen."""
    parent = parent_of(request, parent_id)
    if act_name not in ACTS:
        raise Http404
    if not request.user.has_perm(ACTS[act_name][1]):
        raise PermissionDenied
    out = [child for child in parent.children.all() if child.state in ALIVE]
    context = {
        "form": ActForm(initial={"key": uuid4(), "reason": "Asked by the desk"}),
        "title": f"{VERBS[act_name]}: {parent.cl_ord_id}?",
        "verb": VERBS[act_name],
        "keep": KEEP[act_name],
        "words": WORDS[act_name],
        "taken": [named(child) for child in out] if act_name == "cancel" else [],
        "url": reverse("desk:sliced_act", args=[parent_id, act_name]),
    }
    return TemplateResponse(request, "desk/sliced_dialog.html", context)


@desk_page(VIEW)
@require_POST
def act(request: HttpRequest, parent_id: UUID, act_name: str) -> HttpResponse:
    """Pause, resume or cancel, with a reason, once per key."""
    if act_name not in ACTS:
        raise Http404
    action, right, _, do = ACTS[act_name]
    if not request.user.has_perm(right):
        raise PermissionDenied
    parent = parent_of(request, parent_id)
    form = ActForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Please give a reason; nothing was changed.")
        return HttpResponseRedirect(reverse("desk:sliced", args=[parent_id]), status=303)
    reason = form.cleaned_data["reason"]

    def work(actor: str) -> str:
        return f"{parent.cl_ord_id}: {SliceState(do(parent_id, actor, reason).state).label.lower()}."

    done = once(form.cleaned_data["key"], action, user=person_of(request), reason=reason, do=work)
    (messages.warning if done.ok else messages.error)(request, done.outcome)
    return HttpResponseRedirect(reverse("desk:sliced", args=[parent_id]), status=303)
