"""Executions as the broker reported them: newest first, by day, with sums and files of what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter
from unfold.paginator import InfinitePaginator

from brokers import display
from brokers.desk import DeskList
from brokers.display import moment, money, number, price
from brokers.fix import Side
from orders.admin.shared.badges import side_badge
from orders.admin.shared.filters import UtcRangeFilter
from orders.admin.shared.links import order_link
from orders.admin.shared.mixins import OwnAccountFilter, OwnAccounts
from orders.admin.shared.pages import desk_page
from orders.models import Execution
from orders.reports import days, fills
from orders.reports.days import Preset
from orders.reports.tables import csv_answer, xlsx_answer


class DayFilter(admin.SimpleListFilter):
    """Trading days by name: ?day=yesterday."""

    title = "trading day"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The names."""
        return [(preset.value, preset.capitalize()) for preset in Preset]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """Executions of these days."""
        day = self.value()
        if day is None or day not in list(Preset):
            return queryset
        return queryset.filter(**fills.of_days(*days.span(Preset(day), None, None)))


class ExecutionList(DeskList):
    """Adds to each row what it cost."""

    def get_results(self, request: HttpRequest) -> None:
        """One look at the splits, however many rows there are."""
        super().get_results(request)
        rows: list[Execution] = list(self.result_list)
        for row, found in zip(rows, fills.slippages(rows), strict=True):
            row.slippage = found  # type: ignore[attr-defined]


def _slippage_of(execution: Execution) -> fills.Slippage:
    found: fills.Slippage = execution.slippage  # type: ignore[attr-defined]
    return found


@admin.register(Execution)
class ExecutionAdmin(OwnAccounts):
    """Executions; a corrected one is struck through."""

    paginator = InfinitePaginator

    list_display = (
        *("at", "day", "account", "trader", "shown_side", "qty", "instrument", "price", "venue"),
        *("arrival", "slippage", "fee", "of_order", "shown_exec_id"),
    )
    list_select_related = ("order__instrument", "order__client", "account")
    list_before_template = "desk/executions_bar.html"  # type: ignore[assignment]
    ordering = ("-transact_time", "-id")
    list_filter = (
        DayFilter,
        ("account", OwnAccountFilter),
        ("order__client__username", FieldTextFilter),
        ("side", ChoicesDropdownFilter),
        ("venue", FieldTextFilter),
        ("order__instrument__symbol", FieldTextFilter),
        "superseded",
        ("transact_time", UtcRangeFilter),
    )
    list_filter_submit = True
    search_fields = ("exec_id__startswith", "order__cl_ord_id__startswith")

    @admin.display(description="time", ordering="transact_time")
    def at(self, execution: Execution) -> SafeString:
        """When it was executed (UTC)."""
        return moment(execution.transact_time)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ExecutionList]:  # type: ignore[override]
        """The list that knows what each cost."""
        return ExecutionList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with links to each day and to files of what is shown."""
        chips: list[dict[str, Any]] = [{"name": "All", "url": "?", "here": not request.GET}]
        chips += [
            {"name": preset.capitalize(), "url": f"?day={preset}", "here": request.GET.get("day") == preset}
            for preset in Preset
        ]
        context: Any = {**(extra_context or {}), "chips": chips}
        return super().changelist_view(request, context)

    @admin.display(description="trade date", ordering="trade_date")
    def day(self, execution: Execution) -> str:
        """The trading day on which it counts."""
        return display.day(execution.trade_date)

    @admin.display(description="trader")
    def trader(self, execution: Execution) -> str:
        """Whose order it was."""
        return execution.order.client.get_username() if execution.order.client else "external"

    @admin.display(description="arrival")
    def arrival(self, execution: Execution) -> SafeString:
        """The price when the order's request came, in the units of the execution's day."""
        return price(_slippage_of(execution).arrival_px, execution.order.instrument)

    @admin.display(description="slippage, bps")
    def slippage(self, execution: Execution) -> SafeString:
        """Against that price; above zero is a cost."""
        return number(_slippage_of(execution).bps, 1)

    @admin.display(description="order")
    def of_order(self, execution: Execution) -> SafeString:
        """The way to its order."""
        return order_link(execution.order)

    @admin.display(description="instrument")
    def instrument(self, execution: Execution) -> str:
        """The order's instrument."""
        return str(execution.order.instrument)

    @admin.display(description="side")
    def shown_side(self, execution: Execution) -> SafeString:
        """Bought or sold."""
        return side_badge(execution.side)

    @admin.display(description="qty")
    def qty(self, execution: Execution) -> SafeString:
        """The executed quantity."""
        return number(execution.last_qty)

    @admin.display(description="price")
    def price(self, execution: Execution) -> SafeString:
        """The price of this execution."""
        return price(execution.last_px, execution.order.instrument)

    @admin.display(description="commission")
    def fee(self, execution: Execution) -> SafeString:
        """It may come later than the execution."""
        if execution.commission is None:
            return format_html('<span class="num">{}</span>', "waiting")
        return money(execution.commission, execution.commission_currency)

    @admin.display(description="exec id", ordering="exec_id")
    def shown_exec_id(self, execution: Execution) -> SafeString:
        """Struck through when a correction replaced it."""
        return format_html("<s>{}</s>" if execution.superseded else "{}", execution.exec_id)


def shown(request: HttpRequest) -> QuerySet[Execution]:
    """The executions that the list shows under the same query."""
    model_admin: Any = admin.site.get_model_admin(Execution)
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    rows: QuerySet[Execution] = model_admin.get_changelist_instance(request).get_queryset(request)
    return rows


@desk_page("orders.view_execution")
@require_GET
def sums(request: HttpRequest) -> HttpResponse:
    """What they come to by currency: asked for after the rows are there, because it reads all of them."""
    rows = shown(request).filter(superseded=False).order_by()
    value = F("last_qty") * F("last_px") * F("multiplier") / F("order__instrument__price_magnifier")
    found = (
        rows.values("currency", "commission_currency")
        .annotate(
            count=Count("id"),
            bought=Sum(value, filter=Q(side=Side.BUY)),
            sold=Sum(value, filter=~Q(side=Side.BUY)),
            commission=Sum("commission"),
        )
        .order_by("currency", "commission_currency")
    )
    return TemplateResponse(request, "desk/executions_sums.html", {"totals": list(found)})


@desk_page("orders.view_execution")
@require_GET
def file(request: HttpRequest, kind: str) -> HttpResponse:
    """What the list shows, whole, with sums by currency."""
    if kind not in ("csv", "xlsx"):
        raise Http404
    wanted = shown(request).order_by("-id")

    def rows(before: int | None) -> Sequence[Execution]:
        return list((wanted if before is None else wanted.filter(id__lt=before))[: fills.PAGE])

    export = fills.Export(fills.DESK_COLUMNS, rows, fills.plain)
    name = f"executions-{request.GET.get('day') if request.GET.get('day') in list(Preset) else 'all'}"
    if kind == "csv":
        return csv_answer(name, export.names, export.rows(with_sums=True))  # type: ignore[return-value]
    return xlsx_answer(name, export.sheets())  # type: ignore[return-value]
