"""Executions, as the broker reported them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    FieldTextFilter,
)
from unfold.paginator import InfinitePaginator

from brokers.display import moment, money, number, price
from orders.admin.shared.badges import side_badge
from orders.admin.shared.filters import UtcRangeFilter
from orders.admin.shared.mixins import OwnAccountFilter, OwnAccounts
from orders.models import Execution


@admin.register(Execution)
class ExecutionAdmin(OwnAccounts):
    """Executions; a corrected one is struck through."""

    paginator = InfinitePaginator

    list_display = (
        "at",
        "account",
        "order",
        "instrument",
        "shown_side",
        "qty",
        "price",
        "venue",
        "fee",
        "shown_exec_id",
    )
    list_select_related = ("order__instrument", "account")
    list_filter = (
        ("account", OwnAccountFilter),
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
