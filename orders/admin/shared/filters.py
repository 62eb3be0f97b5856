"""Filters of the desk's lists that unfold does not have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.utils import parse_datetime_str


class UtcRangeFilter(RangeDateTimeFilter):
    """From and to in UTC, like every time the desk shows; without a time of day, whole days."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows within the range; an end that is not given or not a time is open."""
        first, last = self.ends()
        given = {f"{self.parameter_name}__gte": first, f"{self.parameter_name}__lte": last}
        return queryset.filter(**{lookup: at for lookup, at in given.items() if at})

    def ends(self) -> tuple[datetime | None, datetime | None]:
        """Both ends of the range."""
        return self.moment("from", "00:00:00"), self.moment("to", "23:59:59.999999")

    def moment(self, end: str, default: str) -> datetime | None:
        """One end of the range."""
        day, time = (self.used_parameters.get(f"{self.parameter_name}_{end}_{part}") for part in "01")
        found = parse_datetime_str(f"{day} {time or default}")
        return found.replace(tzinfo=UTC) if found else None
