"""The page of the trading states: what may be traded now, who said so and why, and the way to say it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from orders.access import Accounts, accounts_of_person
from orders.admin.people import step_up
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.halts import kill as kills
from orders.controls.halts.states import MAX_REASON, ScopeInvalid, require_scope, set_state, states_now
from orders.controls.persons.people import NotAllowed, at_desk
from orders.models import KillAction, KillSwitch, ScopeStateChange, TradingState

SET = "orders.set_trading_state"
SHOWN = 50


class StateForm(forms.Form):
    """A scope, its state and why."""

    scope = forms.CharField(max_length=80)
    state = forms.ChoiceField(choices=TradingState.choices)
    reason = forms.CharField(max_length=MAX_REASON)


@desk_page("orders.view_order")
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """All states with their history; a POST sets one, with a reason."""
    if request.method == "POST":
        return _set(request)
    states = states_now(accounts_of_person(request.user))
    return show(
        request,
        "desk/trading_states.html",
        "Trading states",
        states=states,
        choices=TradingState.choices,
        changes=ScopeStateChange.objects.filter(scope__in=[row.scope for row in states])[:SHOWN],
        may_set=request.user.has_perm(SET),
        actions=KillAction.choices,
        ask_again=step_up.to_ask(request),
        kills=standing_kills(accounts_of_person(request.user)),
    )


class KillForm(forms.Form):
    """A scope, what is to be so, and why."""

    scope = forms.CharField(max_length=80)
    action = forms.ChoiceField(choices=KillAction.choices)
    reason = forms.CharField(max_length=MAX_REASON)


def standing_kills(accounts: Accounts) -> list[dict[str, Any]]:
    """Kills that nobody has released, of scopes that exist for who has these accounts."""
    found = []
    for kill in KillSwitch.objects.filter(released_at=None):
        with suppress(ScopeInvalid):
            require_scope(kill.scope, accounts)
            found.append({"kill": kill, "blocking": kills.blocking_of(kill)})
    return found


@desk_page("orders.press_kill")
@require_POST
def kill(request: HttpRequest) -> HttpResponse:
    """Press the kill switch."""
    form = KillForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Please give a scope, an action and a reason; nothing was stopped.")
    else:
        said = form.cleaned_data
        try:
            pressed = kills.press(
                said["scope"],
                KillAction(said["action"]),
                actor=at_desk(person_of(request)),
                reason=said["reason"],
            )
            messages.warning(request, f"{pressed.scope} is stopped; the proof is being made.")
        except ScopeInvalid as error:
            messages.error(request, " ".join(error.texts))
    return HttpResponseRedirect(reverse("desk:trading_states"), status=303)


@desk_page("orders.press_kill")
@require_POST
def release(request: HttpRequest, kill_id: UUID) -> HttpResponse:
    """Give a scope its former state back: by a second person, where that is asked for."""
    try:
        if refused := step_up.refusal(request):
            messages.error(request, refused)
        else:
            reason = request.POST.get("reason", "")[:MAX_REASON]
            require_scope(get_object_or_404(KillSwitch, pk=kill_id).scope, accounts_of_person(request.user))
            done = kills.release(kill_id, actor=at_desk(person_of(request)), reason=reason)
            messages.success(request, f"The kill of {done.scope} is released.")
    except ScopeInvalid as error:
        messages.error(request, " ".join(error.texts))
    except NotAllowed as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("desk:trading_states"), status=303)


def _set(request: HttpRequest) -> HttpResponse:
    form, person = StateForm(request.POST), person_of(request)
    if not person.has_perm(SET):
        messages.error(request, "You may not set trading states; nothing was changed.")
    elif not form.is_valid():
        messages.error(request, "Please give a scope, a state and a reason; nothing was changed.")
    else:
        said = form.cleaned_data
        try:
            row = set_state(
                said["scope"],
                TradingState(said["state"]),
                by=f"desk:{person.get_username()}",
                reason=said["reason"],
                accounts=accounts_of_person(person),
            )
            messages.warning(request, f"{row.scope} is {row.state} now.")
        except ScopeInvalid as error:
            messages.error(request, " ".join(error.texts))
    return HttpResponseRedirect(reverse("desk:trading_states"), status=303)
