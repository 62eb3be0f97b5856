"""The list behind the blotter: sorted by any column, whichever a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from brokers.desk import DeskList
from orders.admin.orders.blotter import columns
from orders.admin.orders.blotter.blotter import rows_of
from orders.admin.orders.blotter.columns import Column
from orders.admin.orders.blotter.grouping import GROUPINGS, grouping_of
from orders.models import Order

#: Nobody turns more pages than these rows fill: further nothing is counted.
MOST = 5_000


class FewRowsPaginator(Paginator):  # type: ignore[type-arg]
    """One page of few orders among many is looked for once: a number that it tells is not counted."""

    template_name = "desk/pagination.html"
    object_list: QuerySet[Order]

    @cached_property
    def first_ids(self) -> list[UUID]:
        """The ids of the first page, and of one more if there is one."""
        return list(self.object_list.values_list("pk", flat=True)[: self.per_page + 1])

    @cached_property
    def count(self) -> int:
        """How many there are, up to `MOST`."""
        told = len(self.first_ids)
        return told if told <= self.per_page else self.object_list.order_by()[:MOST].count()

    @property
    def is_cut_off(self) -> bool:
        """Whether there may be more."""
        return self.count == MOST

    def ids(self, number: int) -> list[UUID]:
        """The ids of a page."""
        first = (number - 1) * self.per_page
        if first == 0:
            return self.first_ids[: self.per_page]
        return list(self.object_list.values_list("pk", flat=True)[first : first + self.per_page])


class OrderChangeList(DeskList):
    """The change list; `?sort=limit` and `?sort=-limit` name the column, because its number changes."""

    def get_filters_params(self, params: Any = None) -> Any:
        """Without what chooses no orders."""
        found = super().get_filters_params(params)
        for how in ("sort", "group"):
            found.pop(how, None)
        return found

    def get_results(self, request: HttpRequest) -> None:
        """One page of rows, looked for when somebody wants them: files and sums do not."""
        super().get_results(request)
        number = self.page_num if self.multi_page else 1
        self.result_list = SimpleLazyObject(lambda: rows_of(self.paginator.ids(number)))

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
