"""Limits as CSV: exported whole, imported with a preview of old and new, as changes that are asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from orders.admin.accounts.limit_pages import CHANGE, VIEW
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.limits.limit_changes import (
    CHANGEABLE,
    LimitsInvalid,
    Row,
    propose_limits,
    read_values,
    row_of,
    values_of,
)
from orders.controls.persons.people import Actor, at_desk
from orders.errors import OrderError
from orders.models import AccountLimit, ScopeLimit

COLUMNS = ("scope", "field", "value")
MAX_ROWS = 2000

Rows = dict[str, dict[str, object]]


class ImportForm(forms.Form):
    """The text of a file, and why; the preview posts both again."""

    text = forms.CharField(max_length=500_000, widget=forms.Textarea(attrs={"rows": 12}), label="CSV")
    reason = forms.CharField(max_length=500, label="Reason")


class FileWrong(OrderError):
    """The file cannot be read; the text names the line."""

    code = "INVALID"


@desk_page(VIEW)
def export(request: HttpRequest) -> HttpResponse:
    """Every limit of every scope that the person may see; those that are off with an empty value."""
    actor = at_desk(person_of(request))
    rows: list[Row] = [*AccountLimit.objects.filter(account__in=actor.accounts)]
    if actor.has_all_accounts:
        rows += ScopeLimit.objects.all()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(_lines(sorted(rows, key=lambda row: row.scope)))
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="limits.csv"'
    return answer


def _lines(rows: Iterable[Row]) -> Iterable[tuple[str, str, str]]:
    for row in rows:
        kind = row.scope.partition(":")[0]
        for name, value in values_of(row).items():
            if kind in CHANGEABLE[name].scopes:
                yield row.scope, name, CHANGEABLE[name].text(value)


@desk_page(VIEW, CHANGE)
def upload(request: HttpRequest) -> HttpResponse:
    """First the preview with old and new, then the changes; what loosens waits for a second person."""
    form = ImportForm(request.POST or None)
    preview: list[dict[str, str]] = []
    if form.is_valid():
        actor = at_desk(person_of(request))
        try:
            rows = read_file(form.cleaned_data["text"])
            preview = differences(rows)
            if "confirm" in request.POST:
                messages.success(request, _import(rows, actor, form.cleaned_data["reason"]))
                return HttpResponseRedirect(reverse("desk:limits"), status=303)
        except OrderError as error:
            form.add_error("text", str(error))
    return show(
        request,
        "desk/limits_import.html",
        "Import limits",
        form=form,
        preview=preview,
        checked=form.is_valid(),
    )


def read_file(text: str) -> Rows:
    """The values by scope and field; raises FileWrong and LimitsInvalid."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff").strip()))
    found: Rows = {}
    for number, line in enumerate(reader, start=1):
        if number == 1:
            if tuple(word.strip() for word in line) != COLUMNS:
                raise FileWrong(f"The first line must be {','.join(COLUMNS)}.")
            continue
        if number > MAX_ROWS:
            raise FileWrong(f"At most {MAX_ROWS} lines at once.")
        if not line:
            continue
        if len(line) != len(COLUMNS):
            raise FileWrong(f"Line {number} has {len(line)} columns, not {len(COLUMNS)}.")
        scope, field, value = (word.strip() for word in line)
        if field in found.setdefault(scope, {}):
            raise FileWrong(f"Line {number} names {scope} {field} a second time.")
        found[scope][field] = value
        try:
            read_values(scope, {field: value})
        except LimitsInvalid as error:
            raise FileWrong(f"Line {number}: {error}") from None
    if not found:
        raise FileWrong("There is no line with a limit.")
    return found


def differences(rows: Rows) -> list[dict[str, str]]:
    """What the file would change, old and new."""
    lines = []
    for scope, values in rows.items():
        now = values_of(row_of(scope))
        for name, value in read_values(scope, values).items():
            if value != now[name]:
                text = CHANGEABLE[name].text
                lines.append(
                    {"what": f"{scope} {name}", "old": text(now[name]) or "off", "new": text(value) or "off"}
                )
    return lines


@transaction.atomic
def _import(rows: Rows, actor: Actor, reason: str) -> str:
    """All or nothing."""
    made = [propose_limits(scope, values, actor=actor, reason=reason) for scope, values in rows.items()]
    changes = sum(len(each.changes) for each in made)
    waiting = sum(each.approval is not None for each in made)
    return f"{changes} limits are changed; {waiting} approvals wait for a second person."
