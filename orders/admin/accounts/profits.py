"""Profit and loss on the desk's pages, and its history as a chart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from brokers.display import figure, number_text
from brokers.models import Position, Profit, ProfitPoint
from orders.reconciliation import profits

RANGES = {"day": timedelta(days=1), "week": timedelta(days=7), "year": timedelta(days=365)}


class ProfitColumns:
    """What the broker reckons that a row made, for a list whose rows have a profit."""

    def profit_of(self, row: Any) -> Profit | None:
        """The stored profit of a row; None while the broker has not said."""
        raise NotImplementedError

    @admin.display(description="P&L today")
    def daily(self, row: Any) -> SafeString:
        """What it made today."""
        return figure(self.profit_of(row), "daily")

    @admin.display(description="unrealized")
    def unrealized(self, row: Any) -> SafeString:
        """What it would make."""
        return figure(self.profit_of(row), "unrealized")

    @admin.display(description="realized")
    def realized(self, row: Any) -> SafeString:
        """What it has made."""
        return figure(self.profit_of(row), "realized")


def add_profits(positions: list[Position]) -> None:
    """Set `profit` on each position: what the broker reckons, None while it has not said."""
    rows = Profit.objects.filter(account__in={position.account_id for position in positions})
    found = {(row.account_id, row.con_id): row for row in rows}
    for position in positions:
        position.profit = found.get((position.account_id, position.con_id))  # type: ignore[attr-defined]


def chart_context(request: HttpRequest, account: str, con_id: int) -> dict[str, Any]:
    """The history of an account or a position in the chosen range, for the chart and its table."""
    chosen = request.GET.get("range", "day")
    chosen = chosen if chosen in RANGES else "day"
    points = profits.history(account, con_id, timezone.now() - RANGES[chosen])
    return {
        "ranges": [(name, name == chosen) for name in RANGES],
        "says": description(points),
        "history": {
            "at": [int(point.at.timestamp()) for point in points],
            "long": chosen != "day",
            **{name: column(getattr(point, name) for point in points) for name in profits.FIGURES},
        },
    }


def description(points: list[ProfitPoint]) -> str:
    """The chart in words."""
    if not points:
        return ""
    told = ((name, getattr(points[-1], name)) for name in ("daily", "unrealized", "realized"))
    latest = ", ".join(f"{name} {number_text(amount, 2)}" for name, amount in told if amount is not None)
    return f"{len(points)} points, latest: {latest}"


def column(amounts: Iterable[Decimal | None]) -> list[float | None]:
    """Amounts for the chart, which draws; figures for reading are texts elsewhere."""
    return [None if amount is None else float(amount) for amount in amounts]
