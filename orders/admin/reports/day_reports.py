"""Start and end of day: shown, downloaded, kept and signed off."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST

from brokers.display import NOTHING, moment, number
from brokers.models import BrokerAccount
from orders.access import accounts_of_person
from orders.admin.reports.costs import day_field
from orders.admin.shared.pages import desk_page, person_of, show
from orders.errors import OrderError
from orders.models import DayReport, ReportKind
from orders.reports.daily.day import Document
from orders.reports.daily.documents import FORMATS, columns, name_of, remarks, rendered, sections_of
from orders.reports.daily.kept import keep, shown, sign
from orders.reports.daily.report_day import today_of

FIGURE = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
VIEW, SIGN = "orders.view_dayreport", "orders.sign_report"


class ReportForm(forms.Form):
    """Which report."""

    kind = forms.ChoiceField(choices=ReportKind.choices)
    account = forms.ChoiceField()
    date = day_field()

    def __init__(self, request: HttpRequest, data: Any) -> None:
        codes = sorted(code for code in accounts_of_person(request.user) if code)
        first = codes[0] if codes else ""
        super().__init__({"kind": ReportKind.START_OF_DAY.value, "account": first, **data})
        self.fields["account"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]

    def asked(self) -> tuple[ReportKind, BrokerAccount, Any]:
        """The report that is meant; raises Http404 for one that does not exist for the person."""
        if not self.is_valid():
            raise Http404
        said = self.cleaned_data
        account = BrokerAccount.objects.select_related("session").get(pk=said["account"])
        return ReportKind(said["kind"]), account, said["date"] or today_of(ReportKind(said["kind"]))


@desk_page(VIEW)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The report, with what was kept of it."""
    form, document, kept = ReportForm(request, request.GET.dict()), None, None
    if form.is_valid():
        document, kept = shown(*form.asked())
    sections = _sections(document) if document else []
    return show(
        request,
        "desk/day_report.html",
        "Reports of the day",
        form=form,
        document=document,
        sections=sections,
        kept=kept,
        formats=list(FORMATS),
        may_sign=request.user.has_perm(SIGN),
    )


#: Columns whose digits are no figures: a symbol may be 7203.
WORDS = {"symbol", "local_symbol", "maturity", "date", "day", "reason", "note", "text", "title", "words"}
SHORT = {"px": "price", "qty": "quantity", "con": "contract", "pnl": "P&L", "sec": "security"}


def heading(column: str) -> str:
    """A column of the document in words: "last_px" is "Last price"."""
    said = " ".join(SHORT.get(word, word) for word in column.removesuffix("_id").split("_"))
    return said if said == "bps" else said[:1].upper() + said[1:]


def _sections(document: Document) -> list[dict[str, Any]]:
    """Each with its columns, its rows and what must be said of it."""
    return [
        {
            "name": name,
            "headings": [
                {"text": heading(column), "of_figures": bool(rows) and is_figure(column, rows[0][column])}
                for column in columns(rows)
            ],
            "rows": [[cell(column, value) for column, value in row.items()] for row in rows],
            "remarks": list(remarks(document, name)),
        }
        for name, rows in sections_of(document)
    ]


def cell(column: str, value: Any) -> Any:
    """A value of the document as the desk shows it anywhere: the document itself is written for programs."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "✓ yes" if value else "✕ no"
    if is_figure(column, value):
        return number(Decimal(value))
    time = parse_datetime(value) if isinstance(value, str) and TIME.match(value) else None
    return moment(time) if time else value


def is_figure(column: str, value: Any) -> bool:
    """Whether it is to be read as a number."""
    if column in WORDS or column.endswith("_id") or isinstance(value, bool):
        return False
    return isinstance(value, int | Decimal) or (isinstance(value, str) and bool(FIGURE.fullmatch(value)))


@desk_page(VIEW)
@require_GET
def file(request: HttpRequest, form: str) -> HttpResponse:
    """The report as a file."""
    if form not in FORMATS:
        raise Http404
    document, _ = shown(*ReportForm(request, request.GET.dict()).asked())
    answer = HttpResponse(rendered(document, form), content_type=FORMATS[form])
    answer["Content-Disposition"] = f'attachment; filename="{name_of(document, form)}"'
    return answer


@desk_page(SIGN)
@require_POST
def keep_report(request: HttpRequest) -> HttpResponse:
    """Keep the report as it is now."""
    asked = ReportForm(request, request.POST.dict()).asked()
    report = keep(*asked, by=f"desk:{person_of(request).get_username()}")
    messages.success(request, f"Kept as edition {report.edition}.")
    return back(report)


@desk_page(SIGN)
@require_POST
def sign_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """Sign the kept edition off, with a reason."""
    report = DayReport.objects.filter(pk=report_id, account__in=accounts_of_person(request.user)).first()
    if report is None:
        raise Http404
    try:
        sign(report.pk, user=person_of(request), reason=request.POST.get("reason", ""))
        messages.success(request, "Signed off.")
    except (OrderError, ValueError) as error:
        messages.error(request, str(error))
    return back(report)


def back(report: DayReport) -> HttpResponseRedirect:
    """To the report's page."""
    query = f"kind={report.kind}&account={report.account_id}&date={report.day}"
    return HttpResponseRedirect(f"{reverse('desk:day_report')}?{query}", status=303)
