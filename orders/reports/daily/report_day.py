"""What all sections of a day's report have in common: the day where it is, rows as far as they are listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model, Q, QuerySet

from brokers import time_zones
from brokers.formats import decimal_text, time_text
from brokers.models import BrokerAccount
from brokers.postgres import clock
from orders.models import Break, Order, ReportKind

Rows = list[dict[str, Any]]
LISTED = 5_000  # rows of one section; more are counted in `more`
ORDER_COLUMNS = (
    *("cl_ord_id", "side", "order_qty", "symbol", "ord_type", "price", "state", "cum_qty", "avg_px"),
)
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, kw_only=True)
class ReportDay:
    """An account's day, from midnight to midnight in a zone."""

    account: BrokerAccount
    day: date
    zone: str

    @property
    def start(self) -> datetime:
        """Its first moment, UTC."""
        return _midnight(self.day, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment of the next."""
        return _midnight(self.day + timedelta(days=1), self.zone)

    @property
    def is_over(self) -> bool:
        """Whether things are now as they are after it, not as they were on it."""
        return clock.now() >= self.end


def zone_of(kind: ReportKind) -> str:
    """Where the days of a report begin: as the setting of its time says, else UTC."""
    daily = settings.REPORT_TIMES.get(kind.value)
    return daily.zone if daily else "UTC"


def today_of(kind: ReportKind) -> date:
    """The day that it is there."""
    return clock.now().astimezone(time_zones.find(zone_of(kind))).date()


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), time_zones.find(zone)).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The first rows of a long section, and how many more there are."""

    rows: Rows
    more: int


def listed(found: QuerySet[Row], row_of: Callable[[Row], dict[str, Any]]) -> Listed:
    """The first `LISTED` rows; the others are counted, not read."""
    rows = [row_of(one) for one in found[:LISTED]]
    return Listed(rows=rows, more=found.count() - LISTED if len(rows) == LISTED else 0)


def order_row(order: Order) -> dict[str, Any]:
    """An order in a line."""
    row = {name: getattr(order, name, None) for name in ORDER_COLUMNS}
    row["symbol"] = order.instrument.symbol
    return {name: decimal_text(one) if isinstance(one, Decimal) else one for name, one in row.items()}


def open_breaks(asked: ReportDay) -> QuerySet[Break]:
    """Breaks of the account that were open at the end of the day; of today those that are open now."""
    open_then = Q(closed_at=None) | Q(closed_at__gte=asked.end)
    return Break.objects.filter(open_then, account=asked.account, first_seen__lt=asked.end).order_by("pk")


def break_rows(asked: ReportDay) -> Listed:
    """Open breaks, with when they were first seen."""
    return listed(open_breaks(asked), _break)


def _break(row: Break) -> dict[str, Any]:
    return {"kind": row.kind, "text": row.text, "first_seen": time_text(row.first_seen)}
