"""Cost of trading and executions as files: a form, a table, bars, and the same as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from brokers.fix import Side
from orders.access import accounts_of_person
from orders.admin.shared.pages import desk_page, show
from orders.models import Execution
from orders.order_search import find_executions
from orders.reports import days, fills
from orders.reports.cost import tca
from orders.reports.days import Preset
from orders.reports.tables import TooManyRows, csv_answer, xlsx_answer

VIEW = "orders.view_execution"
BARS = ("delay", "trading", "opportunity", "fees")


class DaysForm(forms.Form):
    """A span of trading days by name or by its ends, and an account; empty: all of them."""

    preset = forms.ChoiceField(
        required=False, choices=[("", "-"), *((one.value, one.value) for one in Preset)]
    )
    account = forms.CharField(required=False, max_length=32)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["from"] = day_field()
        self.fields["to"] = day_field()

    def clean(self) -> dict[str, Any]:
        """The span is a span."""
        said = super().clean() or self.cleaned_data
        try:
            preset = Preset(said["preset"]) if said.get("preset") else None
            said["span"] = days.span(preset, said.get("from"), said.get("to"))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return said


def day_field() -> forms.DateField:
    """A day of a form."""
    bounds = [MinValueValidator(days.FIRST), MaxValueValidator(days.LAST)]
    return forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}), validators=bounds)


class CostsForm(DaysForm):
    """And by what costs are added up."""

    by = forms.ChoiceField(choices=[(one, one) for one in tca.BY])


class FillsForm(DaysForm):
    """And which executions."""

    trader = forms.CharField(required=False, max_length=150)
    side = forms.ChoiceField(
        required=False, choices=[("", "-"), *((s.value, s.value) for s in (Side.BUY, Side.SELL))]
    )
    venue = forms.CharField(required=False, max_length=32)


@desk_page(VIEW)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """What trading cost, by what the person chooses."""
    form = CostsForm({"by": "symbol", **request.GET.dict()})
    found = table_of(request, form) if form.is_valid() else {"results": [], "totals": []}
    return show(
        request,
        "desk/costs.html",
        "Cost of trading",
        form=form,
        rows=with_bars(found["results"]),
        totals=found["totals"],
        query=request.GET.urlencode(),
    )


@desk_page(VIEW)
@require_GET
def costs_file(request: HttpRequest) -> HttpResponse:
    """The same as CSV."""
    form = CostsForm({"by": "symbol", **request.GET.dict()})
    if not form.is_valid():
        return HttpResponse("A filter is wrong.", status=400, content_type="text/plain")
    found = table_of(request, form)
    rows = ([row[name] for name in tca.COLUMNS] for row in [*found["results"], *found["totals"]])
    return csv_answer("tca", tca.COLUMNS, rows)  # type: ignore[return-value] # Django serves both


def table_of(request: HttpRequest, form: CostsForm) -> dict[str, Any]:
    """The costs that a form asks for, of the person's own accounts."""
    said = form.cleaned_data
    mine = [code for code in accounts_of_person(request.user) if code and said["account"] in ("", code)]
    first, last = said["span"]
    return tca.table(tca.Wanted(accounts=mine, first=first, last=last, by=said["by"]))


def with_bars(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row with a bar for each part: from the middle to the right a cost, to the left a gain."""
    known = [abs(Decimal(row[name])) for row in rows for name in BARS if row[name]]
    largest = max(known, default=Decimal(0)) or Decimal(1)
    for row in rows:
        row["bars"] = [
            {"name": name, "value": row[name], "x": 50 + min(size, 0), "width": abs(size), "y": 8 * place}
            for place, name in enumerate(BARS)
            if row[name] and (size := float(Decimal(row[name]) / largest * 50)) is not None
        ]
    return rows


@desk_page(VIEW)
@require_GET
def fills_page(request: HttpRequest) -> HttpResponse:
    """Which executions the file is to hold."""
    return show(request, "desk/fills.html", "Executions as a file", form=FillsForm({"preset": "today"}))


@desk_page(VIEW)
@require_GET
def fills_file(request: HttpRequest, kind: str) -> HttpResponse:
    """The executions of the person's accounts that fit, with sums by currency."""
    form = FillsForm(request.GET)
    if not form.is_valid() or kind not in ("csv", "xlsx"):
        return HttpResponse("A filter is wrong.", status=400, content_type="text/plain")
    said: dict[str, Any] = form.cleaned_data
    first, last = said["span"]
    wanted = {name: said[name] for name in ("account", "side", "venue") if said[name]}
    wanted |= fills.of_days(first, last)
    if said["trader"]:
        wanted["order__client__username"] = said["trader"]
    mine = [code for code in accounts_of_person(request.user) if code]

    def rows(before: int | None) -> Sequence[Execution]:
        return find_executions(mine, before=before, limit=fills.PAGE, **wanted)

    export = fills.Export(fills.DESK_COLUMNS, rows, fills.plain)
    name = f"executions-{first}-{last}" if first != last else f"executions-{first}"
    if kind == "csv":
        return csv_answer(name, export.names, export.rows(with_sums=True))  # type: ignore[return-value] # Django serves both
    try:
        return xlsx_answer(name, export.sheets())  # type: ignore[return-value] # Django serves both
    except TooManyRows as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
