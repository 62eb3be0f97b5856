"""Positions: ours beside the broker's. The difference is the column that matters."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.views import ChangeList

from brokers.desk import moment, number
from brokers.models import GatewaySession, Position
from orders.admin.own import OwnAccountFilter, OwnAccounts
from orders.services.positions import executed_quantities


class PositionList(ChangeList):
    """Adds to each row what our own executions say, by the rule of reconciliation."""

    def get_results(self, request: HttpRequest) -> None:
        """One look at the executions per session, however many rows there are."""
        super().get_results(request)
        add_expected(list(self.result_list))


def add_expected(positions: list[Position]) -> None:
    """Set `expected_qty` on each position: what was there before us plus our executions."""
    ours: dict[tuple[str, int], Decimal] = {}
    for name in GatewaySession.objects.values_list("name", flat=True):
        ours |= executed_quantities(name)
    for position in positions:
        executed = ours.get((position.account_id, position.con_id), Decimal(0))
        position.expected_qty = position.baseline_qty + executed  # type: ignore[attr-defined]


@admin.register(Position)
class PositionAdmin(OwnAccounts):
    """Positions as the broker reports them, against our own books."""

    list_display = ("account", "contract", "ours", "broker", "difference", "baseline", "cost", "reported")
    list_filter = (("account", OwnAccountFilter), ("symbol", FieldTextFilter))
    list_select_related = ("account",)
    search_fields = ("symbol",)
    fields = ("account", "contract", "ours", "broker", "difference", "baseline", "cost", "reported")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PositionList]:  # type: ignore[override]
        """The list that knows our side."""
        return PositionList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Position | None:
        """With our side."""
        position: Position | None = super().get_object(request, object_id, from_field)
        if position is not None:
            add_expected([position])
        return position

    @admin.display(description="instrument", ordering="symbol")
    def contract(self, position: Position) -> str:
        """What is held."""
        return f"{position.symbol} {position.sec_type} {position.currency}"

    @admin.display(description="ours")
    def ours(self, position: Position) -> SafeString:
        """What was there at the baseline plus our executions since."""
        return number(position.expected_qty)  # type: ignore[attr-defined]

    @admin.display(description="broker", ordering="position_qty")
    def broker(self, position: Position) -> SafeString:
        """What the broker reports."""
        return number(position.position_qty)

    @admin.display(description="difference")
    def difference(self, position: Position) -> SafeString:
        """Anything but zero is a break."""
        gap = position.position_qty - position.expected_qty  # type: ignore[attr-defined]
        if not gap:
            return number(gap)
        return format_html('<span class="state bad">break {}</span>', number(gap))

    @admin.display(description="baseline")
    def baseline(self, position: Position) -> SafeString:
        """What was there where our comparison begins."""
        return number(position.baseline_qty)

    @admin.display(description="avg cost")
    def cost(self, position: Position) -> SafeString:
        """Average cost as the broker reports it."""
        return number(position.avg_cost)

    @admin.display(description="as of", ordering="reported_at")
    def reported(self, position: Position) -> SafeString:
        """When the broker reported it."""
        return moment(position.reported_at)
