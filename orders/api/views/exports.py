"""Lists as files, streamed: however long one is, it costs the server a page of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from orders.api.base import ApiView
from orders.api.problems import invalid
from orders.api.queries import (
    EXECUTION_COLUMNS,
    EXECUTION_EXPORT_FIELDS,
    EXPORT_FILTERS,
    ORDER_EXPORT_FIELDS,
    read_query,
)
from orders.api.resources import Document, execution_document
from orders.api.schema import orders as schema
from orders.api.schema.shapes import OrderShape, columns
from orders.api.views import orders, portfolio
from orders.errors import FieldError
from orders.models import Execution
from orders.order_search import find_executions, find_orders
from orders.reports import days, fills
from orders.reports.tables import XLSX, TooManyRows, csv_answer, xlsx_answer

PAGE = 500
Found = TypeVar("Found")


class OrderExport(ApiView):
    """Orders as CSV."""

    has_query = True
    form = "text/csv"

    @extend_schema(**schema.EXPORT_ORDERS)
    def get(self, request: Request) -> HttpResponseBase:
        """All orders that fit, newest first."""
        query = read_query(request.query_params, ORDER_EXPORT_FIELDS)
        names, accounts = query.pop("fields", columns(OrderShape)), self.access.accounts
        wanted = orders.filter_of(query)

        def page(before: Any) -> Sequence[Any]:
            return find_orders(accounts, wanted, before=before, limit=PAGE)

        found = all_pages(page, lambda rows: map(orders.shown_of(rows), rows))
        return csv_answer("orders", names, ([fills.value_of(each, name) for name in names] for each in found))


class ExecutionExport(ApiView):
    """Executions as CSV."""

    has_query = True
    form = "text/csv"

    @extend_schema(**schema.EXPORT_EXECUTIONS)
    def get(self, request: Request) -> HttpResponseBase:
        """All executions that fit, newest first."""
        query = read_query(request.query_params, EXECUTION_EXPORT_FIELDS)
        with_sums = query.pop("sums", False)
        export = export_of(query, self.access.accounts)
        return csv_answer("executions", export.names, export.rows(with_sums=with_sums))


class ExecutionBook(ApiView):
    """Executions as a workbook."""

    has_query = True
    form = XLSX

    @extend_schema(**schema.EXPORT_EXECUTIONS_XLSX)
    def get(self, request: Request) -> HttpResponseBase:
        """The same executions on one sheet, their sums by currency on a second."""
        fields = {name: field for name, field in EXECUTION_EXPORT_FIELDS.items() if name != "sums"}
        export = export_of(read_query(request.query_params, fields), self.access.accounts)
        try:
            return xlsx_answer("executions", export.sheets())
        except TooManyRows as error:
            raise invalid([FieldError("from", "TOO_MANY_ROWS", str(error))]) from None


def export_of(query: dict[str, Any], accounts: Iterable[str]) -> fills.Export:
    """The executions that a query asks for, as rows of a file. Raises Problem INVALID."""
    names, mine = query.pop("fields", EXECUTION_COLUMNS), list(accounts)
    asked = {name: query.pop(name) for name in EXPORT_FILTERS if name in query}
    listed, chosen = portfolio.filter_of(query), conditions(asked)
    if listed.keys() & chosen.keys():
        text = "Ask for trading days (preset, from, to) or for times (since, until), not for both."
        raise invalid([FieldError("since" if "since" in query else "until", "CONFLICT", text)])
    wanted = {**listed, **chosen}

    def page(before: int | None) -> Sequence[Execution]:
        return find_executions(mine, before=before, limit=fills.PAGE, **wanted)

    return fills.Export(names, page, execution_document)


def conditions(asked: dict[str, Any]) -> dict[str, Any]:
    """What an export asks beside the filters of the list. Raises Problem INVALID."""
    found: dict[str, Any] = {}
    if asked.keys() & {"preset", "from", "to"}:
        try:
            span = days.span(asked.get("preset"), asked.get("from"), asked.get("to"))
        except ValueError as error:
            raise invalid([FieldError("from", "CONFLICT", str(error))]) from None
        found |= fills.of_days(*span)
    if "trader" in asked:
        found["order__client__username"] = asked["trader"]
    if "venue" in asked:
        found["venue"] = asked["venue"]
    return found


def all_pages(
    page: Callable[[Any], Sequence[Found]], documents: Callable[[Sequence[Found]], Iterable[Document]]
) -> Iterator[Document]:
    """The rows page by page: no transaction and no cursor is held while a slow client reads."""
    rows = page(None)
    while rows:
        yield from documents(rows)
        rows = page(rows[-1].pk) if len(rows) == PAGE else ()  # type: ignore[attr-defined]
