"""The broker's statements: which were read, and reading one in."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.persons.people import Actor, at_desk
from orders.models import Statement
from orders.reconciliation.statements import fetching
from orders.reconciliation.statements.files import NoStatement
from orders.reconciliation.statements.reading import Outcome, read_statement

VIEW, READ = "orders.view_statement", "orders.read_statement"
SHOWN = 50


class UploadForm(forms.Form):
    """One file of a Flex query."""

    file = forms.FileField(label="Statement (XML of a Flex query)", allow_empty_file=True)


@desk_page(VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """The newest statements of the person's accounts; a file that is sent is read whole or not at all."""
    actor = at_desk(person_of(request))
    form = UploadForm(request.POST or None, request.FILES or None)
    outcomes: list[Outcome] = []
    if request.method == "POST":
        if not actor.user.has_perm(READ):
            raise PermissionDenied
        outcomes = _read(form, actor)
    rows = Statement.objects.filter(account__in=actor.accounts).select_related("account")[:SHOWN]
    return show(
        request,
        "desk/statements.html",
        "Statements",
        form=form,
        outcomes=outcomes,
        statements=rows,
        requests=fetching.newest() if actor.has_all_accounts else [],
        may_read=actor.user.has_perm(READ),
    )


@desk_page(VIEW, READ)
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Have a query asked for now at the broker's web service: by who may see all accounts it may tell of."""
    if not at_desk(person_of(request)).has_all_accounts:
        raise PermissionDenied
    if fetching.again(request.POST.get("query", "")):
        messages.success(request, "It is asked for within seconds; it may take minutes to come.")
    else:
        messages.error(request, "There is no such query.")
    return HttpResponseRedirect(reverse("desk:statements"), status=303)


def _read(form: UploadForm, actor: Actor) -> list[Outcome]:
    if not form.is_valid():
        return []
    file = form.cleaned_data["file"]
    accounts = None if actor.has_all_accounts else actor.accounts
    try:
        return read_statement(file, name=file.name, by=actor.name, accounts=accounts)
    except NoStatement as error:
        form.add_error("file", f"{error} Nothing was stored.")
        return []
