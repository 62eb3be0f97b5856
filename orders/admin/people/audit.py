"""The audit's page: who did what, by person, account, order, kind and time; and the same as a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from brokers.formats import spreadsheet_text
from orders.access import SEES_ALL, accounts_of_person
from orders.admin.shared.pages import desk_page, person_of, show
from orders.admin.shared.timezones import UtcField
from orders.controls.audit.read import Entry, Wanted, entries, every

ROWS = 200
MOST = 100_000  # rows of a file
COLUMNS = tuple(field.name for field in fields(Entry))[1:]
RIGHT = "orders.view_audit"


class Filters(forms.Form):
    """What is looked for; empty fields ask for everything."""

    person = forms.CharField(required=False, max_length=150)
    account = forms.CharField(required=False, max_length=32)
    order = forms.UUIDField(required=False, label="order's id")
    kind = forms.CharField(required=False, max_length=60, label="kind, or its beginning")
    since = UtcField(required=False, label="from (UTC)")
    until = UtcField(required=False, label="to (UTC)")


def wanted_of(request: HttpRequest, form: Filters) -> Wanted:
    """What the person asks for, of the accounts that exist for the person."""
    asked: dict[str, Any] = {name: value or None for name, value in form.cleaned_data.items()}
    person = person_of(request)
    return Wanted(**asked, accounts=None if person.has_perm(SEES_ALL) else accounts_of_person(person))


@desk_page(RIGHT)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The newest that fit."""
    form = Filters(request.GET)
    found = entries(wanted_of(request, form), ROWS) if form.is_valid() else []
    rows = [{"entry": entry, "changes": changes(entry)} for entry in found]
    return show(request, "desk/audit.html", "Audit", form=form, rows=rows, query=request.GET.urlencode())


@desk_page(RIGHT)
@require_GET
def export(request: HttpRequest, kind: str) -> HttpResponse:
    """The same as CSV or JSON lines, at most a hundred thousand."""
    if kind not in ("csv", "json"):
        raise Http404("There are csv and json.")
    form = Filters(request.GET)
    if not form.is_valid():
        return HttpResponse("A filter is wrong.", status=400, content_type="text/plain")
    found = every(wanted_of(request, form), most=MOST)
    lines = csv_lines(found) if kind == "csv" else (json.dumps(as_texts(one)) + "\n" for one in found)
    mime = "text/csv" if kind == "csv" else "application/x-ndjson"
    answer = StreamingHttpResponse(lines, content_type=mime)
    answer["Content-Disposition"] = f'attachment; filename="audit.{kind}"'
    return answer  # type: ignore[return-value] # Django serves both


def changes(entry: Entry) -> list[tuple[str, str, str]]:
    """What is different: name, old, new."""
    old, new = (value if isinstance(value, dict) else {} for value in (entry.old, entry.new))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [(name, text_of(old.get(name)), text_of(new.get(name))) for name in names]


def text_of(value: Any) -> str:
    """A value as it is read."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def as_texts(entry: Entry) -> dict[str, Any]:
    """An entry for a file."""
    row = {name: getattr(entry, name) for name in COLUMNS}
    return row | {"at": entry.at.isoformat(), "order_id": str(entry.order_id or "")}


class _Echo:
    """What the csv module writes to: it hands each line on."""

    def write(self, line: str) -> str:
        return line


def csv_lines(found: Iterator[Entry]) -> Iterator[str]:
    """Rows of a spreadsheet; a text that a spreadsheet would take for a formula is quoted."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in found:
        cells = [text_of(value) for value in as_texts(entry).values()]
        yield writer.writerow([spreadsheet_text(cell) for cell in cells])
