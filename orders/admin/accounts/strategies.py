"""Strategies at the desk: what each holds and has made, the rest, and moving positions between them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from orders.access import accounts_of_person
from orders.admin.accounts.limit_pages import CHANGE
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.books.strategy_transfers import TransferInvalid, WantedTransfer, propose_transfer
from orders.controls.persons.people import NotAllowed, at_desk
from orders.entry.reading.ticket_texts import TICKET_FIELDS
from orders.models import StrategyTransfer
from orders.reconciliation.strategies.rows import StrategyRow, strategy_rows

VIEW = "brokers.view_position"
SHOWN = 30
NAME = TICKET_FIELDS["strategy"].schema["pattern"]


class TransferForm(forms.Form):
    """What is moved, and why; an empty strategy is the rest."""

    account = forms.ChoiceField()
    con_id = forms.TypedChoiceField(coerce=int, label="Contract")
    from_strategy = forms.RegexField(NAME, required=False, label="From strategy (empty: the rest)")
    to_strategy = forms.RegexField(NAME, required=False, label="To strategy (empty: the rest)")
    quantity = forms.DecimalField(max_digits=28, decimal_places=10)
    price = forms.DecimalField(
        max_digits=28, decimal_places=10, required=False, label="Price (empty: the last known)"
    )
    reason = forms.CharField(max_length=500)

    def __init__(self, rows: Collection[StrategyRow], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contracts = {row.con_id: f"{row.described.symbol} {row.con_id}" for row in rows}
        self.fields["account"].choices = [(code, code) for code in sorted({row.account for row in rows})]  # type: ignore[attr-defined]
        self.fields["con_id"].choices = list(contracts.items())  # type: ignore[attr-defined]


@desk_page(VIEW)
def page(request: HttpRequest) -> HttpResponse:
    """The rows by account and contract, the last transfers, and the form for another."""
    accounts = [code for code in accounts_of_person(request.user) if code]
    rows = strategy_rows(accounts)
    form = TransferForm(rows, request.POST or None)
    may_move = request.user.has_perm(CHANGE)
    if request.method == "POST":
        if not may_move:
            raise PermissionDenied
        if form.is_valid() and _asked(request, form):
            return HttpResponseRedirect(reverse("desk:strategies"), status=303)
    return show(
        request,
        "desk/strategies.html",
        "Strategies",
        contracts=[list(found) for _, found in groupby(rows, lambda row: (row.account, row.con_id))],
        transfers=StrategyTransfer.objects.filter(account__in=accounts)[:SHOWN],
        form=form,
        may_move=may_move,
    )


def _asked(request: HttpRequest, form: TransferForm) -> bool:
    """Whether it waits for a second person now; the form says what is wrong with it."""
    said = dict(form.cleaned_data)
    reason = said.pop("reason")
    try:
        made = propose_transfer(WantedTransfer(**said), actor=at_desk(person_of(request)), reason=reason)
    except TransferInvalid as error:
        form.add_error(error.field, str(error))
        return False
    except NotAllowed as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, f"{made.title}: it waits for a second person's approval.")
    return True
