"""Lists as CSV, streamed: however long one is, it costs the server a page of rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from brokers.formats import spreadsheet_text
from orders.api import schema
from orders.api.base import ApiView
from orders.api.queries import EXECUTION_EXPORT_FIELDS, ORDER_EXPORT_FIELDS, read_query
from orders.api.resources import Document, execution_document
from orders.api.shapes import ExecutionShape, OrderShape, columns
from orders.api.views import orders, portfolio
from orders.order_search import find_executions, find_orders

PAGE = 500
Row = TypeVar("Row")


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

        return csv_answer("orders", names, page, lambda rows: map(orders.shown_of(rows), rows))


class ExecutionExport(ApiView):
    """Executions as CSV."""

    has_query = True
    form = "text/csv"

    @extend_schema(**schema.EXPORT_EXECUTIONS)
    def get(self, request: Request) -> HttpResponseBase:
        """All executions that fit, newest first."""
        query = read_query(request.query_params, EXECUTION_EXPORT_FIELDS)
        names, accounts = query.pop("fields", columns(ExecutionShape)), self.access.accounts
        wanted = portfolio.filter_of(query)

        def page(before: Any) -> Sequence[Any]:
            return find_executions(accounts, before=before, limit=PAGE, **wanted)

        return csv_answer("executions", names, page, partial(map, execution_document))


def csv_answer(
    name: str,
    names: Sequence[str],
    page: Callable[[Any], Sequence[Any]],
    documents: Callable[[Sequence[Any]], Iterable[Document]],
) -> StreamingHttpResponse:
    """The rows page by page: no transaction and no cursor is held while a slow client reads."""

    def pages() -> Iterator[str]:
        yield lines([names])
        rows = page(None)
        while rows:
            yield lines([cell(document, name) for name in names] for document in documents(rows))
            rows = page(rows[-1].pk) if len(rows) == PAGE else ()

    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(pages(), content_type="text/csv; charset=utf-8", headers=disposition)


def cell(document: Document, name: str) -> Any:
    """One member of a document as a spreadsheet takes it; `reason.code` is that of the object inside it."""
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if value is not None else None
    return spreadsheet_text(value) if isinstance(value, str) else value


def lines(rows: Any) -> str:
    """Rows as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
