"""Reports: cost of trading, start and end of day."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import time_or_none, time_text
from brokers.models import BrokerAccount
from orders.api import bodies
from orders.api.base import JSON, ApiView, answer
from orders.api.problems import invalid
from orders.api.queries import day, read_query
from orders.api.schema import orders as schema
from orders.entry.reading.fields import Field, Wrong, reads, word
from orders.errors import FieldError
from orders.models import DayReport, ReportKind
from orders.reports import days
from orders.reports.cost import tca
from orders.reports.cost.tca import Wanted
from orders.reports.daily.documents import FORMATS, name_of, rendered
from orders.reports.daily.kept import shown
from orders.reports.daily.report_day import today_of
from orders.reports.days import Preset
from orders.reports.tables import XLSX, csv_answer


@reads(type="string", enum=list(tca.BY))
def grouping(raw: Any) -> str:
    """By what costs are added up."""
    if raw not in tca.BY:
        raise Wrong("UNKNOWN_WORD", f"This must be one of {', '.join(tca.BY)}.")
    return str(raw)


FIELDS = {
    "by": Field(grouping, description=f"One row for each of these; {tca.USUAL} if not given."),
    "preset": Field(word(Preset), description="Trading days by name, by the date in UTC."),
    "from": Field(day, description="First trading day; today if not given."),
    "to": Field(day, description="Last trading day; today if not given."),
    "account": Field(bodies.account, description="Only this account."),
}


def text(help_text: str, **options: Any) -> serializers.CharField:
    """A decimal as text, null where it is not known."""
    return serializers.CharField(allow_null=True, help_text=help_text, **options)


class CostShape(serializers.Serializer[Any]):
    """What some orders cost, in money and basis points; positive is a cost, null is not known."""

    key = serializers.CharField()
    name = serializers.CharField(help_text="Of an order the client's own id.")
    currency = serializers.CharField()
    orders = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Orders of which a price is not known; in none of the sums.")
    order_qty = text("Ordered.")
    filled_qty = text("Executed.")
    paper = text("What the orders were worth at the mid when they came.")
    delay = text("What the market moved until they reached the broker.")
    trading = text("What executions cost against the mid then.")
    opportunity = text("What the market moved until the end, for what was not executed.")
    fees = text("What the broker charged.")
    shortfall = text("The four together (Perold).")
    shortfall_bps = text("Against `paper`.")
    arrival_bps = text("Executed part against the mid at arrival.")
    vwap_bps = text("Executed part against the interval's VWAP, from our own ticks.")
    effective_spread = text("Twice the distance of executions from the mid, in money.")
    quoted_spread = text("Ask less bid at executions, in money.")
    effective_to_quoted = text("1 pays the whole spread, 0 trades at the mid.")


class CostsShape(serializers.Serializer[Any]):
    """Costs of some days, the dearest rows first, at most 500."""

    by = serializers.ChoiceField(tca.BY)
    # "from" is a word of the language, so it is added by name below.
    to = serializers.DateField()
    results = CostShape(many=True)
    totals = CostShape(many=True, help_text="All of them, by currency.")

    def get_fields(self) -> Any:
        """With the first day."""
        return {**super().get_fields(), "from": serializers.DateField()}


def wanted_of(view: ApiView, request: Request) -> Wanted:
    """What a query asks for; raises Problem INVALID."""
    asked = read_query(request.query_params, FIELDS, may_be_empty=True)
    try:
        first, last = days.span(asked.get("preset"), asked.get("from"), asked.get("to"))
    except ValueError as error:
        raise invalid([FieldError("from", "CONFLICT", str(error))]) from None
    mine = [code for code in view.access.accounts if asked.get("account") in (None, code)]
    return Wanted(accounts=mine, first=first, last=last, by=asked.get("by", tca.USUAL))


class Costs(ApiView):
    """Cost of trading (TCA) of the token's accounts."""

    has_query = True

    @extend_schema(
        operation_id="list_costs",
        parameters=schema.parameters(FIELDS, may_be_empty=True),
        responses=schema.read(CostsShape, 400),
    )
    def get(self, request: Request) -> HttpResponse:
        """Costs added up."""
        return answer(tca.table(wanted_of(self, request)))


class CostsFile(ApiView):
    """The same as CSV."""

    has_query = True
    form = "text/csv"

    @extend_schema(
        operation_id="export_costs",
        parameters=schema.parameters(FIELDS, may_be_empty=True),
        responses={(200, "text/csv"): OpenApiTypes.STR, **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The rows; then those of the totals, whose key is their currency."""
        found = tca.table(wanted_of(self, request))
        rows = ([row[name] for name in tca.COLUMNS] for row in [*found["results"], *found["totals"]])
        return csv_answer("tca", tca.COLUMNS, rows)


# --- reports of a day -------------------------------------------------------------------------------------
@reads(type="string", enum=list(FORMATS))
def form(raw: Any) -> str:
    """How the report is written."""
    if raw not in FORMATS:
        raise Wrong("UNKNOWN_WORD", f"This must be one of {', '.join(FORMATS)}.")
    return str(raw)


REPORT_FIELDS = {
    "account": Field(bodies.account, required=True),
    "date": Field(day, description="The day; today, in the zone of the report's setting, if not given."),
    "format": Field(form, description="json if not given."),
}


class KeptShape(serializers.Serializer[Any]):
    """The newest edition that was kept, and who signed it off."""

    edition = serializers.IntegerField()
    sha256 = serializers.CharField()
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField()
    signed_at = serializers.DateTimeField(allow_null=True)
    signed_by = serializers.CharField(allow_null=True)


class ReportShape(serializers.Serializer[Any]):
    """A report: its sections by name, each a list of rows; `more` counts rows that are left out."""

    report = serializers.ChoiceField(ReportKind.values)
    account = serializers.CharField()
    date = serializers.DateField()
    zone = serializers.CharField(help_text="Where the day begins and ends.")
    as_of = serializers.DateTimeField(help_text="When it was made.")
    as_of_sections = serializers.ListField(
        child=serializers.CharField(), help_text="Sections that show how things were then, not on the day."
    )
    sections = serializers.DictField(child=serializers.ListField(child=serializers.DictField()))
    more = serializers.DictField(child=serializers.IntegerField())
    kept = KeptShape(allow_null=True)


class Report(ApiView):
    """The start or the end of an account's day: of a past day as it was kept, else as things are now."""

    has_query = True
    kind: ReportKind

    @property
    def form(self) -> str:  # type: ignore[override] # the query names it
        """What it answers with: Accept is not asked where the query says."""
        return FORMATS.get(self.request.query_params.get("format") or "json", JSON)

    def report(self, request: Request) -> HttpResponse:
        """The document in the form that is asked for."""
        asked = read_query(request.query_params, REPORT_FIELDS, may_be_empty=True)
        mine = BrokerAccount.objects.select_related("session").filter(pk__in=self.access.accounts)
        account = mine.filter(pk=asked["account"]).first()
        if account is None:
            raise invalid([FieldError("account", "UNKNOWN", "There is no such account.")])
        when = asked.get("date") or today_of(self.kind)
        if not days.may_be_reported(when):
            raise invalid([FieldError("date", "BEYOND", "This day has not begun anywhere yet.")])
        (document, kept), how = shown(self.kind, account, when), asked.get("format", "json")
        if how == "json":
            return answer({**document, "kept": kept_document(kept)})
        headers = {"Content-Disposition": f'attachment; filename="{name_of(document, how)}"'}
        return HttpResponse(rendered(document, how), content_type=FORMATS[how], headers=headers)


REPORT_ANSWERS: dict[Any, Any] = {
    **{status: shape for status, shape in schema.read(ReportShape, 400).items() if status != 200},
    (200, "application/json"): ReportShape,
    (200, "text/csv"): OpenApiTypes.STR,
    (200, XLSX): OpenApiTypes.BINARY,
    (200, "application/pdf"): OpenApiTypes.BINARY,
}


class StartOfDay(Report):
    """The start of a day."""

    kind = ReportKind.START_OF_DAY

    @extend_schema(
        operation_id="read_start_of_day",
        parameters=schema.parameters(REPORT_FIELDS, may_be_empty=True),
        responses=REPORT_ANSWERS,
    )
    def get(self, request: Request) -> HttpResponse:
        """A checklist that computes itself, resting orders, what expires, limits that changed."""
        return self.report(request)


class EndOfDay(Report):
    """The end of a day."""

    kind = ReportKind.END_OF_DAY

    @extend_schema(
        operation_id="read_end_of_day",
        parameters=schema.parameters(REPORT_FIELDS, may_be_empty=True),
        responses=REPORT_ANSWERS,
    )
    def get(self, request: Request) -> HttpResponse:
        """Orders, executions, commissions, profit and loss, positions, cash, breaks, costs, limits."""
        return self.report(request)


def kept_document(report: DayReport | None) -> dict[str, Any] | None:
    """The edition as JSON."""
    if report is None:
        return None
    return {
        **{"edition": report.edition, "sha256": report.sha256, "made_by": report.made_by},
        "made_at": time_text(report.made_at),
        "signed_at": time_or_none(report.signed_at),
        "signed_by": report.signed_by.get_username() if report.signed_by else None,
    }
