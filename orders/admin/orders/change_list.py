"""The list behind the blotter: sorted by any column, whichever a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from brokers.desk import DeskList
from orders.admin.orders import columns
from orders.admin.orders.columns import Column
from orders.admin.orders.grouping import GROUPINGS, grouping_of
from orders.models import Order


class OrderChangeList(DeskList):
    """The change list; `?sort=limit` and `?sort=-limit` name the column, because its number changes."""

    def get_filters_params(self, params: Any = None) -> Any:
        """Without what chooses no orders."""
        found = super().get_filters_params(params)
        for how in ("sort", "group"):
            found.pop(how, None)
        return found

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Order]) -> list[Any]:
        """By the group first, then by the column that is asked for."""
        grouping = grouping_of(request)
        return [*([grouping.order_by] if grouping else []), *columns.ordering(self.sort)]

    @property
    def sort(self) -> str:
        """The column that is asked for."""
        return str(self.params.get("sort", ""))

    def group_choices(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Links that group the rows, and how they are grouped now."""
        grouping = grouping_of(request)
        now = grouping.name if grouping else "none"
        return [
            {"name": name, "url": self.get_query_string({"group": name}, ["p"]), "here": name == now}
            for name in ("none", *GROUPINGS)
        ]

    def headings(self, shown: Sequence[Column]) -> list[dict[str, Any]]:
        """Headings with the link that sorts by each, and what it is sorted by now."""
        return [self._heading(column) for column in shown]

    def _heading(self, column: Column) -> dict[str, Any]:
        now = {column.name: "ascending", f"-{column.name}": "descending"}.get(self.sort, "")
        following = f"-{column.name}" if now == "ascending" else column.name
        return {
            "column": column,
            "url": self.get_query_string({"sort": following}, ["p"]),
            "sort": now,
        }
