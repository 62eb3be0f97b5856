"""The restricted list at the desk: who may not trade what, until when and why."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from brokers.models import Instrument
from brokers.postgres import clock
from orders.admin.accounts.limit_pages import CHANGE, VIEW
from orders.admin.shared.pages import desk_page, person_of, show
from orders.admin.shared.timezones import UtcField
from orders.controls.limits.limit_changes import LimitsInvalid, accounts_of_scope
from orders.controls.limits.restrictions import WantedRestriction, add_restriction, end_restriction
from orders.controls.persons.people import NotAllowed, at_desk
from orders.errors import OrderError
from orders.models import Approval, InstrumentRestriction
from orders.risk.restrictions import Effect

WAITS = "It waits for a second person's approval."


class RestrictionForm(forms.Form):
    """One row of the list."""

    scope = forms.CharField(max_length=170, label="Scope (firm, account:X, strategy:X, user:X)")
    instrument = forms.ModelChoiceField(Instrument.objects.none())
    effect = forms.ChoiceField(choices=[(effect.value, effect.value) for effect in Effect])
    side = forms.ChoiceField(choices=[("", "both"), ("BUY", "buy"), ("SELL", "sell")], required=False)
    starts_at = UtcField(
        required=False, label="From (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends_at = UtcField(
        required=False, label="Until (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    reason = forms.CharField(max_length=500)

    def wanted(self) -> WantedRestriction:
        """What it asks for."""
        given = self.cleaned_data
        return WantedRestriction(
            scope=given["scope"].strip(),
            instrument=given["instrument"],
            effect=Effect(given["effect"]),
            side=given["side"],
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
        )


@desk_page(VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """What is in force or to come, and the form for another row."""
    actor = at_desk(person_of(request))
    form = RestrictionForm(request.POST or None)
    form.fields["instrument"].queryset = Instrument.objects.listed()  # type: ignore[attr-defined]
    may_change = request.user.has_perm(CHANGE)
    if may_change and form.is_valid():
        try:
            made = add_restriction(form.wanted(), actor=actor, reason=form.cleaned_data["reason"])
            messages.success(request, WAITS if isinstance(made, Approval) else f"In force: {made}.")
            return HttpResponseRedirect(reverse("desk:restrictions"), status=303)
        except LimitsInvalid as error:
            for name, texts in error.errors.items():
                form.add_error(name, texts)
        except NotAllowed as error:
            form.add_error("scope", str(error))
    rows = InstrumentRestriction.objects.exclude(ends_at__lte=clock.now()).select_related("instrument")
    mine = [row for row in rows if actor.may_see(accounts_of_scope(row.scope))]
    return show(
        request,
        "desk/restrictions.html",
        "Restricted instruments",
        rows=mine,
        form=form,
        may_change=may_change,
    )


@desk_page(VIEW, CHANGE)
@require_POST
def end(request: HttpRequest, row_id: int) -> HttpResponse:
    """End a row, with a reason."""
    reason = request.POST.get("reason", "").strip()[:500]
    if not reason:
        messages.error(request, "Please give a reason; nothing was changed.")
    else:
        try:
            done = end_restriction(row_id, actor=at_desk(person_of(request)), reason=reason)
            messages.success(request, WAITS if isinstance(done, Approval) else f"Ended: {done}.")
        except InstrumentRestriction.DoesNotExist:
            raise Http404 from None
        except OrderError as error:
            messages.error(request, str(error))
    return HttpResponseRedirect(reverse("desk:restrictions"), status=303)
