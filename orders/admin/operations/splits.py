"""Splits at the desk: which count, what they did to positions, and entering one that is not told yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from brokers.models import Instrument, Position
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.books.splits import LARGEST, RIGHT, WantedSplit, request_split
from orders.controls.persons.people import at_desk
from orders.errors import OrderError
from orders.models import Approval, PositionEvent, Split

VIEW = "brokers.view_position"
SHOWN = 100


class SplitForm(forms.Form):
    """So many units for so many from a day on, and where that is known from."""

    con_id = forms.TypedChoiceField(coerce=int, label="Contract")
    ex_date = forms.DateField(label="Ex-date", widget=forms.DateInput({"type": "date"}))
    numerator = forms.IntegerField(label="Units now", min_value=1, max_value=LARGEST)
    denominator = forms.IntegerField(label="for units before", min_value=1, max_value=LARGEST)
    new_con_id = forms.IntegerField(
        label="New number of the contract (empty: the same)", min_value=1, max_value=2**63 - 1, required=False
    )
    reason = forms.CharField(max_length=200, label="Known from")

    def __init__(self, contracts: Iterable[tuple[int | None, str]], *args: Any) -> None:
        super().__init__(*args)
        choices = [(con_id, f"{symbol} {con_id}") for con_id, symbol in contracts]
        self.fields["con_id"].choices = choices  # type: ignore[attr-defined]


@desk_page(VIEW)
def page(request: HttpRequest) -> HttpResponse:
    """The newest splits with what the person's accounts had of them, and the form for another."""
    actor = at_desk(person_of(request))
    held = Position.objects.filter(account__in=actor.accounts).values("con_id")
    known = Instrument.objects.filter(con_id__in=held)
    contracts = known.order_by("symbol").values_list("con_id", "symbol").distinct()
    form = SplitForm(contracts, request.POST or None)
    may_enter = actor.user.has_perm(RIGHT)
    if request.method == "POST":
        if not may_enter:
            raise PermissionDenied
        if form.is_valid() and _entered(request, form):
            return HttpResponseRedirect(reverse("desk:splits"), status=303)
    splits = Split.objects.filter(Q(con_id__in=held) | Q(new_con_id__in=held))
    events = PositionEvent.objects.filter(account__in=actor.accounts)
    return show(
        request,
        "desk/splits.html",
        "Splits and ends of options",
        splits=splits.order_by("-ex_date", "-id")[:SHOWN],
        events=events.order_by("-day", "-id")[:SHOWN],
        form=form,
        may_enter=may_enter and contracts.exists(),
    )


def _entered(request: HttpRequest, form: SplitForm) -> bool:
    """Whether it counts, or waits for a second person; the form says what is wrong with it."""
    said = dict(form.cleaned_data)
    reason, new_con_id = said.pop("reason"), said.pop("new_con_id") or 0
    try:
        done = request_split(
            WantedSplit(**said, new_con_id=new_con_id), actor=at_desk(person_of(request)), reason=reason
        )
    except OrderError as error:
        form.add_error(None, str(error))
        return False
    if isinstance(done, Approval):
        messages.success(request, f"{done.title}: it waits for a second person's approval.")
    else:
        messages.success(request, f"Counted: {done}.")
    return True
