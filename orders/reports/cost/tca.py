"""Costs added up: by order, symbol, trader, strategy, venue, algorithm or day.

Money is added up and divided then. What is not known is not added as zero: each sum is over the orders of
which all its parts are known, and `unknown` counts the others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from brokers.formats import decimal_or_none
from orders.models import FillCost, Order, OrderCost
from orders.reports.cost.costs import in_bps

BY = ("order", "symbol", "trader", "strategy", "venue", "algo", "day")
USUAL = "symbol"
MAX_ROWS = 500  # of one answer, the dearest first
BPS_STEP = Decimal("0.001")
COLUMNS = (
    *("key", "name", "currency", "orders", "unknown", "order_qty", "filled_qty", "paper", "delay", "trading"),
    *("opportunity", "fees", "shortfall", "shortfall_bps", "arrival_bps", "vwap_bps", "effective_spread"),
    *("quoted_spread", "effective_to_quoted"),
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which costs: of these accounts, of these days, both ends included."""

    accounts: Collection[str]
    first: date
    last: date
    by: str

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that are wanted."""
        found: QuerySet[Any] = rows.filter(account__in=self.accounts, day__gte=self.first, day__lte=self.last)
        return found


def table(wanted: Wanted) -> dict[str, Any]:
    """Rows by the wanted key, the dearest first, and a total for each currency."""
    fills = wanted.of(FillCost.objects.all())
    if wanted.by == "venue":
        rows = _by_venue(fills)
    else:
        orders = wanted.of(OrderCost.objects.all())
        rows = _sums(orders.annotate(key=_key(wanted.by, OrderCost)).values("key", "currency"))
        _add_spreads(rows, fills.annotate(key=_key(wanted.by, FillCost)).values("key", "currency"), wanted.by)
    if wanted.by == "order":
        _name_orders(rows)
    return {
        "by": wanted.by,
        "from": wanted.first.isoformat(),
        "to": wanted.last.isoformat(),
        "results": [document(row) for row in rows],
        "totals": [document(row) for row in _totals(wanted, fills)],
    }


def _key(by: str, model: Any) -> Any:
    """The column to group by; slices stand under their parent."""
    if by != "order":
        return F(by)
    return Coalesce("parent_id" if model is OrderCost else "order__parent_id", "order_id")


KNOWN, ARRIVED, QUOTED = Q(shortfall__isnull=False), Q(trading__isnull=False), Q(effective__isnull=False)
PARTS = ("paper", "delay", "trading", "opportunity", "fees", "shortfall")


def _sums(groups: QuerySet[Any]) -> list[dict[str, Any]]:
    sums = {name: Sum(name, filter=KNOWN) for name in PARTS}
    found = groups.order_by().annotate(
        orders=Count("pk"),
        unknown=Count("pk", filter=~KNOWN),
        qty=Sum("order_qty"),
        filled=Sum("filled_qty"),
        arrival_cost=Sum("trading", filter=ARRIVED),
        arrived=Sum("arrival_value", filter=ARRIVED),
        against_vwap=Sum("vwap_cost"),
        at_vwap=Sum("vwap_value"),
        **{f"sum_{name}": each for name, each in sums.items()},
    )
    return list(found.order_by(F("sum_shortfall").desc(nulls_last=True), "key")[:MAX_ROWS])


def _spreads(groups: QuerySet[Any]) -> QuerySet[Any]:
    sums = {"sum_effective": Sum("effective", filter=QUOTED), "sum_quoted": Sum("quoted", filter=QUOTED)}
    found: QuerySet[Any] = groups.order_by().annotate(**sums)
    return found


def _add_spreads(rows: list[dict[str, Any]], groups: QuerySet[Any], by: str) -> None:
    if by == "order":  # some of very many: by the index of their executions' orders
        keys = [row["key"] for row in rows]
        shown = OrderCost.objects.filter(Q(pk__in=keys) | Q(parent__in=keys))
        groups = groups.filter(order__in=list(shown.values_list("pk", flat=True)))
    found = {(row["key"], row["currency"]): row for row in _spreads(groups)}
    for row in rows:
        row.update(found.get((row["key"], row["currency"]), {}))


def _by_venue(fills: QuerySet[Any]) -> list[dict[str, Any]]:
    """Of a venue there are executions only: what they cost against their orders' arrival, and the spread."""
    groups = _spreads(fills.annotate(key=F("venue")).values("key", "currency"))
    found = groups.annotate(
        orders=Count("order", distinct=True),
        unknown=Count("pk", filter=~ARRIVED),
        filled=Sum("qty"),
        sum_trading=Sum("trading", filter=ARRIVED),
        arrival_cost=Sum("trading", filter=ARRIVED),
        arrived=Sum("arrival_value", filter=ARRIVED),
        sum_fees=Sum("fees"),
    )
    return list(found.order_by(F("sum_trading").desc(nulls_last=True), "key")[:MAX_ROWS])


def _totals(wanted: Wanted, fills: QuerySet[Any]) -> list[dict[str, Any]]:
    rows = _sums(wanted.of(OrderCost.objects.all()).annotate(key=F("currency")).values("key", "currency"))
    _add_spreads(rows, fills.annotate(key=F("currency")).values("key", "currency"), "currency")
    return rows


def _name_orders(rows: list[dict[str, Any]]) -> None:
    """The client's own id beside ours, of a parent as of an order."""
    keys = [row["key"] for row in rows]
    names = dict(Order.objects.filter(pk__in=keys).values_list("pk", "cl_ord_id"))
    parents = Order.objects.filter(parent__in=keys).values_list("parent_id", "parent__cl_ord_id")
    names |= dict(parents.order_by().distinct())
    for row in rows:
        row["name"] = names.get(row["key"], "")


def document(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON: money and basis points as text, null where it is not known."""
    parts = {name: decimal_or_none(row.get(f"sum_{name}")) for name in PARTS}
    effective, quoted = row.get("sum_effective"), row.get("sum_quoted")
    return {
        "key": str(row["key"]),
        "name": row.get("name", str(row["key"])),
        "currency": row["currency"],
        "orders": row["orders"],
        "unknown": row["unknown"],
        "order_qty": decimal_or_none(row.get("qty")),
        "filled_qty": decimal_or_none(row["filled"]),
        **parts,
        "shortfall_bps": _bps(row.get("sum_shortfall"), row.get("sum_paper")),
        "arrival_bps": _bps(row["arrival_cost"], row["arrived"]),
        "vwap_bps": _bps(row.get("against_vwap"), row.get("at_vwap")),
        "effective_spread": decimal_or_none(effective),
        "quoted_spread": decimal_or_none(quoted),
        "effective_to_quoted": decimal_or_none((effective / quoted).quantize(BPS_STEP)) if quoted else None,
    }


def _bps(cost: Decimal | None, value: Decimal | None) -> str | None:
    found = in_bps(cost, value)
    return None if found is None else decimal_or_none(found.quantize(BPS_STEP))
