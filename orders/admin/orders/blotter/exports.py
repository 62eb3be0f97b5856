"""The orders of a view as a file: CSV streamed, XLSX for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET

from brokers.formats import decimal_text
from orders.models import Order, ord_status
from orders.models.states import OPEN_REQUESTS
from orders.reports import tables

MAX_XLSX = 50_000  # rows; a spreadsheet of more takes too long to write in a request
CHUNK = 2_000
COLUMNS = (
    *("id", "cl_ord_id", "account_id", "client__username", "source", "strategy", "reduce_only"),
    *("instrument__symbol", "instrument__sec_type", "instrument__exchange", "instrument__currency"),
    *("side", "order_qty", "ord_type", "price", "stop_px", "time_in_force", "state", "cum_qty", "avg_px"),
    *("reason_code", "reason_text", "order_ref", "perm_id", "broker_order_id"),
    *("received_at", "sent_at", "acknowledged_at", "first_fill_at", "last_fill_at", "completed_at"),
)


@require_GET
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The orders that the blotter would show under the same query."""
    model_admin: Any = admin.site.get_model_admin(Order)
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    if kind not in ("csv", "xlsx"):
        raise Http404
    orders = model_admin.get_changelist_instance(request).queryset
    name = f"orders-{timezone.now():%Y%m%d-%H%M%S}.{kind}"
    return csv_answer(orders, name) if kind == "csv" else xlsx_answer(orders, name)


def csv_answer(orders: QuerySet[Order], name: str) -> StreamingHttpResponse:
    """Line by line, however many there are."""
    answer = StreamingHttpResponse(
        tables.csv_lines(heads(), lines(orders)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def xlsx_answer(orders: QuerySet[Order], name: str) -> HttpResponse:
    """A workbook with one sheet; numbers are numbers in it."""
    if orders.count() > MAX_XLSX:
        words = f"More than {MAX_XLSX:,} orders: take the CSV, or a narrower filter."
        return HttpResponse(words, status=413, content_type="text/plain")
    book = tables.xlsx_file({"orders": (heads(), lines(orders, numbers=True))})
    answer = HttpResponse(book, content_type=tables.XLSX)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def heads() -> list[str]:
    """Names of the columns, as the API calls them."""
    own = {"account_id": "account", "client__username": "client"}
    return [*(own.get(name, name.removeprefix("instrument__")) for name in COLUMNS), "ord_status"]


def lines(orders: QuerySet[Order], *, numbers: bool = False) -> Iterator[list[Any]]:
    """The values of each order, as `tables` writes them."""
    for order in orders.prefetch_related("requests").iterator(chunk_size=CHUNK):
        asked = [request.kind for request in order.requests.all() if request.state in OPEN_REQUESTS]
        status = ord_status(order.state, order.cum_qty, asked, order.standing)
        yield [*(cell(value_of(order, name), numbers) for name in COLUMNS), str(status)]


def value_of(order: Order, path: str) -> Any:
    """A value by its path; the related rows are loaded already."""
    value: Any = order
    for part in path.split("__"):
        value = getattr(value, part) if value is not None else None
    return value


def cell(value: Any, numbers: bool) -> Any:
    """A value as a spreadsheet takes it."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return float(value) if numbers else decimal_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value)
