"""What a person can do to an order: one dialog that names it and says the consequence, one POST.

A dialog is asked from the server when it is opened: its key makes the POST count once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from brokers.formats import decimal_text
from orders import selectors
from orders.access import accounts_of_person
from orders.admin.shared.pages import desk_page, own_place, person_of, show
from orders.desk.actions import act_on_order
from orders.desk.decisions import fail_held, release_held, send_held_again
from orders.entry.cancel import cancel_order, canceled_with
from orders.entry.groups import cancel_group, orders_of
from orders.entry.reading.fields import Wrong, decimal
from orders.entry.reading.numbers import UnclearNumber, typed_number
from orders.entry.reading.ticket_texts import LABELS
from orders.entry.replace import Change, replace_order
from orders.errors import OrderError, OrderOver
from orders.models import ALIVE, DeskAction, Order, RequestState


class NotGrouped(OrderError):
    """The order stands alone."""

    code = "INVALID"

    def __init__(self) -> None:
        super().__init__("The order belongs to no group; nothing was canceled.")


class ActForm(forms.Form):
    """What every act is asked for."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    next = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = forms.CharField(
        max_length=500, label="Reason", error_messages={"required": "Please give a reason."}
    )


class TermField(forms.Field):
    """A term of an order, read as the ticket reads it."""

    def __init__(self, name: str, *, required: bool = False) -> None:
        # Without the arrows of a browser: a turn of the wheel must change no price.
        typed = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(label=LABELS[name], required=required, widget=typed)
        self.name = name

    def to_python(self, value: Any) -> Decimal | None:
        """The number; what is none, or could be read in two ways, is refused with words."""
        text = str(value if value is not None else "").strip()
        try:
            return decimal(typed_number(self.name, text)) if text else None
        except (UnclearNumber, Wrong) as error:
            raise forms.ValidationError(str(error)) from None


class ReplaceForm(ActForm):
    """The terms that can be replaced, and the version of the order that the person saw."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    order_qty = TermField("order_qty", required=True)
    price = TermField("price")
    stop_px = TermField("stop_px")
    field_order = ("key", "next", "version", "order_qty", "price", "stop_px", "reason")


Do = Callable[[Order, dict[str, Any], str], str]


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act: its right, its words, and the service that does it (order, form, actor) -> outcome."""

    action: DeskAction
    permission: str
    verb: str
    keep: str
    consequence: str
    do: Do
    reason: str = ""  # what the field begins with
    form: type[ActForm] = ActForm
    along: str = ""  # before the other orders that end with it


def named(order: Order) -> str:
    """An order as a dialog names it."""
    left = decimal_text(order.leaves_qty)
    return f"{order.cl_ord_id}: {order.side} {left} left of {decimal_text(order.order_qty)} {order.ord_type}"


def cancel(order: Order, form: dict[str, Any], actor: str) -> str:
    """Ask for the cancel, through the service that the API uses."""
    asked = cancel_order(order.id, actor=actor, at=timezone.now())
    if asked.state == RequestState.ACCEPTED:
        return "Canceled. The order had not left us."
    return "Cancel asked. Until the broker answers, the order can still fill."


def cancel_whole(order: Order, form: dict[str, Any], actor: str) -> str:
    """Ask for the cancel of the whole group, its exits first."""
    if order.group is None:
        raise NotGrouped
    asked = cancel_group(order.group, actor=actor, at=timezone.now())
    if not asked:
        raise OrderOver(order)
    return f"Cancel asked of {len(asked)} orders. Until the broker answers, they can still fill."


def replace(order: Order, form: dict[str, Any], actor: str) -> str:
    """Ask for other terms; a version that moved since the form was shown sends nothing."""
    change = Change(
        cl_ord_id=f"desk-{form['key']}",
        order_qty=form["order_qty"],
        price=form["price"],
        stop_px=form["stop_px"],
    )
    asked = replace_order(order.id, change, actor=actor, at=timezone.now(), version=form["version"])
    if asked.request.state == RequestState.REFUSED:
        return f"Refused by the checks: {asked.request.reason_text}"
    return "Replace asked. Until the broker answers, the order works at its old terms."


def send_again(order: Order, form: dict[str, Any], actor: str) -> str:
    """Send a held order that never reached the broker."""
    send_held_again(order.id, actor=actor, at=timezone.now())
    return "It is sent again."


def give_up(order: Order, form: dict[str, Any], actor: str) -> str:
    """Give a held order up."""
    given_up = fail_held(order.id, actor=actor, at=timezone.now())
    return f"Given up: it is {given_up.get_state_display()}. Nobody will send it any more."


def release(order: Order, form: dict[str, Any], actor: str) -> str:
    """Let go of an order that was held to be looked at."""
    released = release_held(order.id, actor=actor, at=timezone.now(), reason=form["reason"])
    return f"Released: it is {released.get_state_display()} and waits for nobody any more."


def review(order: Order, form: dict[str, Any], actor: str) -> str:
    """It was looked at: it does not call any more."""
    return "Marked reviewed. It does not wait for a person any more."


ACTS = {
    "replace": Act(
        action=DeskAction.REPLACE,
        permission="orders.replace_order",
        verb="Replace order",
        keep="Leave as it is",
        consequence="The checks run on the new terms. Until the broker answers, it works at its old terms.",
        do=replace,
        reason="Asked by the desk",
        form=ReplaceForm,
    ),
    "cancel": Act(
        action=DeskAction.CANCEL,
        permission="orders.cancel_order",
        verb="Cancel order",
        keep="Keep order",
        consequence="Until the broker answers, it can still fill.",
        do=cancel,
        reason="Asked by the desk",
        along="The broker cancels with it, because it cannot cancel this one alone:",
    ),
    "cancel_group": Act(
        action=DeskAction.CANCEL,
        permission="orders.cancel_order",
        verb="Cancel whole group",
        keep="Keep orders",
        consequence="Every order of its group that works is canceled, the exits first. Until the broker "
        "answers, each can still fill; what has executed stays.",
        do=cancel_whole,
        reason="Asked by the desk",
        along="With it goes:",
    ),
    "send_again": Act(
        action=DeskAction.SEND_AGAIN,
        permission="orders.resolve_order",
        verb="Send it again",
        keep="Leave it",
        consequence="It was proven twice not to be at the broker. It goes out anew, at its old terms.",
        do=send_again,
    ),
    "give_up": Act(
        action=DeskAction.GIVE_UP,
        permission="orders.resolve_order",
        verb="Give it up",
        keep="Leave it",
        consequence="It becomes FAILED, or CANCELED if some of it has executed. Nobody sends it any more.",
        do=give_up,
    ),
    "release": Act(
        action=DeskAction.RELEASE,
        permission="orders.resolve_order",
        verb="Release order",
        keep="Leave it held",
        consequence="You have looked at it and say why nothing more is to be done. An overfill stays booked.",
        do=release,
    ),
    "review": Act(
        action=DeskAction.REVIEW,
        permission="orders.review_order",
        verb="Mark reviewed",
        keep="Not yet",
        consequence="It no longer waits for a person. The order itself does not change.",
        do=review,
    ),
}


@desk_page("orders.view_order")
@require_http_methods(["GET", "POST"])
def action_view(request: HttpRequest, order_id: UUID, name: str) -> HttpResponse:
    """GET gives the dialog and changes nothing; POST does it, says what came of it and goes back."""
    act = ACTS.get(name)
    if act is None:
        raise Http404
    if not request.user.has_perm(act.permission):
        raise PermissionDenied
    order = order_of(request, order_id)
    if request.method == "GET":
        return dialog(request, name, order, first_form(request, act, order))
    form = act.form(request.POST)
    if not form.is_valid():
        return dialog(request, name, order, form, status=400)
    done = act_on_order(
        form.cleaned_data["key"],
        act.action,
        order.id,
        user=person_of(request),
        reason=form.cleaned_data["reason"],
        do=lambda actor: act.do(order, form.cleaned_data, actor),
    )
    if not done.ok and act.form is not ActForm:
        return dialog(request, name, order, refused_form(request, act, done.outcome), status=409)
    (messages.warning if done.ok else messages.error)(request, f"{order.cl_ord_id}: {done.outcome}")
    following = back(request, order, form.cleaned_data["next"])
    if "X-Desk-Live" in request.headers:  # a redirect would be followed, and its page's messages be lost
        return HttpResponse(status=204, headers={"X-Desk-Next": following})
    return HttpResponseRedirect(following, status=303)


def refused_form(request: HttpRequest, act: Act, outcome: str) -> ActForm:
    """What was typed, with the words that refused it and a new key: the old one has its answer."""
    typed = request.POST.copy()
    typed["key"] = str(uuid4())
    form = act.form(typed)
    form.add_error(None, outcome)
    return form


def first_form(request: HttpRequest, act: Act, order: Order) -> ActForm:
    """The form as it is shown first, with a key of its own."""
    named = [field for field in act.form.base_fields if hasattr(order, field)]
    given = {field: plain(getattr(order, field)) for field in named}
    return act.form(
        initial={**given, "key": uuid4(), "reason": act.reason, "next": request.GET.get("next", "")}
    )


def plain(value: Any) -> Any:
    """A decimal as a person types it."""
    return decimal_text(value) if isinstance(value, Decimal) else value


def dialog(
    request: HttpRequest, name: str, order: Order, form: forms.Form, status: int = 200
) -> TemplateResponse:
    """The dialog alone for a page that is open, or a page of its own."""
    taken = [named(other) for other in goes_along(order, name)]
    context = {"act": ACTS[name], "name": name, "order": order, "form": form, "taken": taken}
    if "X-Desk-Live" in request.headers:
        return TemplateResponse(request, "desk/act_dialog.html", context, status=status)
    page = show(request, "desk/act_page.html", f"{ACTS[name].verb}: {order.cl_ord_id}", **context)
    page.status_code = status
    return page


def goes_along(order: Order, name: str) -> list[Order]:
    """Which other orders end with what is done to this one."""
    if name == "cancel":
        return canceled_with(order)
    if name == "cancel_group" and order.group is not None:
        return [other for other in orders_of(order.group) if other.state in ALIVE and other.pk != order.pk]
    return []


def order_of(request: HttpRequest, order_id: UUID) -> Order:
    """The order, if it is one of the person's accounts."""
    try:
        return selectors.order_of(accounts_of_person(request.user), order_id)
    except Order.DoesNotExist:
        raise Http404 from None


def back(request: HttpRequest, order: Order, wanted: str) -> str:
    """Where the person came from, if that is ours; else the order's page."""
    return own_place(request, wanted, reverse("admin:orders_order_change", args=[order.id]))
