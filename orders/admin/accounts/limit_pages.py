"""Limits at the desk: all scopes with their meters, and one scope's form, which asks for changes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from brokers.models import Instrument
from orders.admin.shared.pages import desk_page, person_of, show
from orders.admin.shared.timezones import UtcField
from orders.controls.limits.in_force import scopes_now
from orders.controls.limits.limit_changes import (
    CHANGEABLE,
    INSTRUMENTS,
    LimitsInvalid,
    LimitsMoved,
    accounts_of_scope,
    kind_of,
    propose_limits,
    row_of,
    values_of,
)
from orders.controls.persons.people import Actor, NotAllowed, at_desk
from orders.models import LimitChange
from orders.models.order import GROUP_ORDERS
from orders.risk.catalogue import LimitField, Unit
from orders.risk.scopes import FIRM, ScopeKind, scope_text

VIEW, CHANGE = "orders.view_accountlimit", "orders.change_accountlimit"
SHOWN = 30
NO_ROW = -1


class LimitsForm(forms.Form):
    """The limits of one scope, by the catalogue; `version` is that of the limits when the form was read."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    from_when = UtcField(
        required=False,
        label="From when (UTC)",
        help_text="Empty: at once, or as soon as it is approved.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    reason = forms.CharField(
        max_length=500, label="Reason", error_messages={"required": "Please give a reason."}
    )

    def __init__(self, scope: str, data: Any = None) -> None:
        row = row_of(scope)
        values = values_of(row)
        kind = kind_of(scope)
        self.limits = [limit for limit in CHANGEABLE.values() if kind in limit.scopes]
        initial = {limit.name: _initial(limit, values[limit.name]) for limit in self.limits}
        version = row.version if row else NO_ROW
        super().__init__(data, initial={**initial, "version": version})
        for limit in self.limits:
            self.fields[limit.name] = _field(limit)
        self.order_fields([*(limit.name for limit in self.limits), "from_when", "reason", "version"])

    def wanted(self) -> dict[str, object]:
        """The raw values of its limits."""
        return {limit.name: self.cleaned_data[limit.name] for limit in self.limits}


def _field(limit: LimitField) -> forms.Field:
    words: dict[str, Any] = {
        "label": limit.label.capitalize(),
        "help_text": limit.description,
        "required": False,
    }
    if limit is INSTRUMENTS:
        known = [(str(row.pk), str(row)) for row in Instrument.objects.listed()]
        return forms.MultipleChoiceField(
            choices=known, widget=forms.SelectMultiple(attrs={"size": 8}), **words
        )
    if limit.unit == Unit.SWITCH:
        return forms.BooleanField(**words)
    if limit.unit == Unit.WORDS:
        choices = [(word, word) for word in limit.words]
        return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **words)
    if limit.unit == Unit.CHOICE:
        return forms.ChoiceField(choices=[("", "off"), *((word, word) for word in limit.words)], **words)
    return forms.CharField(max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"}), **words)


def _initial(limit: LimitField, value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return value if isinstance(value, bool) else limit.text(value)


@desk_page(VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """Every scope that the person may see, with its limits and their use now."""
    actor = at_desk(person_of(request))
    accounts = sorted(set(actor.accounts) - {GROUP_ORDERS})
    found = scopes_now(accounts, others=actor.has_all_accounts)
    scopes = {row.scope for row in found}
    changes = LimitChange.objects.all()[: SHOWN * 5]
    mine = [change for change in changes if actor.may_see(accounts_of_scope(change.scope))]
    return show(
        request,
        "desk/limits.html",
        "Limits",
        scopes=found,
        changes=mine[:SHOWN],
        unset=[code for code in accounts if scope_text(ScopeKind.ACCOUNT, code) not in scopes],
        may_change=request.user.has_perm(CHANGE),
        has_firm=actor.has_all_accounts and FIRM not in scopes,
    )


@desk_page(VIEW)
def scope(request: HttpRequest) -> HttpResponse:
    """One scope: its form, and what was changed when by whom."""
    named = request.GET.get("scope", "").strip()
    actor = at_desk(person_of(request))
    try:
        kind_of(named)
    except LimitsInvalid as error:
        raise Http404(str(error)) from None
    if not actor.may_see(accounts_of_scope(named)):
        raise Http404
    if request.method == "POST" and not request.user.has_perm(CHANGE):
        raise PermissionDenied
    form = LimitsForm(named, request.POST or None)
    if form.is_valid() and (outcome := _ask(form, named, actor)):
        messages.success(request, outcome)
        return HttpResponseRedirect(f"{reverse('desk:limits_scope')}?scope={named}", status=303)
    return show(
        request,
        "desk/limits_scope.html",
        f"Limits of {named}",
        scope=named,
        form=form,
        changes=LimitChange.objects.filter(scope=named)[:SHOWN],
        may_change=request.user.has_perm(CHANGE),
    )


def _ask(form: LimitsForm, scope: str, actor: Actor) -> str:
    """Ask for what the form says; what came of it, empty when the form says what is wrong."""
    try:
        made = propose_limits(
            scope,
            form.wanted(),
            actor=actor,
            reason=form.cleaned_data["reason"],
            from_when=form.cleaned_data["from_when"],
            seen_version=form.cleaned_data["version"],
        )
    except LimitsInvalid as error:
        for name, texts in error.errors.items():
            form.add_error(name if name in form.fields else None, texts)
        return ""
    except (LimitsMoved, NotAllowed) as error:
        form.add_error(None, str(error))
        return ""
    return made.outcome


def scope_of_account(code: str) -> str:
    """Where an account's limits are."""
    return f"{reverse('desk:limits_scope')}?scope={ScopeKind.ACCOUNT}:{code}"
