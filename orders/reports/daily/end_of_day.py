"""The end of a day: what was ordered, executed, charged and refused, and where the books stand."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from brokers.formats import decimal_or_none, decimal_text, time_text
from brokers.models import Profit
from orders.controls.limits.in_force import limits_now
from orders.models import Approval, Execution, Order
from orders.models.execution import WHOLES
from orders.models.references import first_id_at
from orders.reports.cost import tca
from orders.reports.daily.report_day import Listed, ReportDay, Rows, listed, order_row


def orders_of_day(asked: ReportDay) -> QuerySet[Order]:
    """Orders that came on this day, or were executed on it."""
    came = Q(pk__gte=first_id_at(asked.start), pk__lt=first_id_at(asked.end))
    executed = Q(pk__in=fills_of_day(asked).order_by().values("order"))
    return (
        Order.objects.filter(came | executed, account=asked.account)
        .select_related("instrument")
        .order_by("pk")
    )


def fills_of_day(asked: ReportDay) -> QuerySet[Execution]:
    """Executions of this trading day that count."""
    rows = Execution.objects.filter(
        account=asked.account, trade_date=asked.day, superseded=False, last_qty__gt=0
    )
    return rows.order_by("transact_time", "id")


def summary(asked: ReportDay) -> Rows:
    """How many orders are in which state."""
    rows = orders_of_day(asked).order_by().values("state").annotate(orders=Count("pk"))
    return [{"state": row["state"], "orders": row["orders"]} for row in rows.order_by("state")]


def order_rows(asked: ReportDay) -> Listed:
    """Each order with how it ended."""
    return listed(orders_of_day(asked), lambda order: {**order_row(order), "reason": order.reason_code})


def fill_rows(asked: ReportDay) -> Listed:
    """Each execution with its commission."""
    return listed(fills_of_day(asked), _fill)


def _fill(one: Execution) -> dict[str, Any]:
    return {
        **{"at": time_text(one.transact_time), "exec_id": one.exec_id, "symbol": one.symbol},
        **{"side": one.side, "qty": decimal_text(one.last_qty), "px": decimal_text(one.last_px)},
        **{"venue": one.venue, "currency": one.currency, "commission": decimal_or_none(one.commission)},
        "commission_currency": one.commission_currency,
    }


def legs_of_day(asked: ReportDay) -> QuerySet[Execution]:
    """The same without a combination's own executions: its legs are what was traded and charged."""
    return fills_of_day(asked).exclude(WHOLES).order_by()


def traded(asked: ReportDay) -> Rows:
    """Executions added up by contract and side."""
    keys = ("symbol", "sec_type", "con_id", "currency", "side")
    value = Sum(F("last_qty") * F("last_px") * F("multiplier") / F("order__instrument__price_magnifier"))
    rows = legs_of_day(asked).values(*keys)
    return [
        {**{name: row[name] for name in keys}, "fills": row["fills"], "qty": decimal_text(row["qty"])}
        | {"value": decimal_text(row["value"])}
        for row in rows.annotate(fills=Count("pk"), qty=Sum("last_qty"), value=value).order_by(*keys)
    ]


def commissions(asked: ReportDay) -> Rows:
    """What the broker charged and realized, by currency; `waiting` executions have no commission yet."""
    rows = legs_of_day(asked).values("commission_currency")
    found = rows.annotate(
        fills=Count("pk"),
        charged=Sum("commission"),
        realized=Sum("realized_pnl"),
        waiting=Count("pk", filter=Q(commission=None)),
    )
    return [
        {
            **{"currency": row["commission_currency"], "fills": row["fills"], "waiting": row["waiting"]},
            "commission": decimal_or_none(row["charged"]),
            "realized_pnl": decimal_or_none(row["realized"]),
        }
        for row in found.order_by("commission_currency")
    ]


def profits(asked: ReportDay) -> Rows:
    """Profit and loss as the broker reckons it."""
    rows = Profit.objects.filter(account=asked.account).order_by("con_id")
    names = ("daily", "unrealized", "realized", "value")
    return [
        {"con_id": row.con_id, **{name: decimal_or_none(getattr(row, name)) for name in names}}
        | {"reported_at": time_text(row.reported_at)}
        for row in rows
    ]


def ends(asked: ReportDay) -> Rows:
    """Cancels, refusals and failures by their reason."""
    over = orders_of_day(asked).filter(state__in=("CANCELED", "EXPIRED", "REJECTED", "FAILED"))
    rows = over.order_by().values("state", "reason_code").annotate(orders=Count("pk"))
    return [
        {"state": row["state"], "reason": row["reason_code"], "orders": row["orders"]}
        for row in rows.order_by("state", "reason_code")
    ]


def slippage(asked: ReportDay) -> Rows:
    """Cost of trading by symbol, as `GET /api/v1/tca` tells it."""
    wanted = tca.Wanted(accounts=[asked.account.code], first=asked.day, last=asked.day, by="symbol")
    rows: Rows = tca.table(wanted)["results"]
    return rows


def limit_use(asked: ReportDay) -> Rows:
    """Limits that are on, with what is used of them now."""
    scopes = limits_now({asked.account.code}, others=False)
    return [
        {"scope": one.scope, "field": limit.field, "limit": limit.limit, "used": limit.used}
        for one in scopes
        for limit in one.limits
        if limit.limit is not None
    ]


def approvals(asked: ReportDay) -> Rows:
    """What a second person decided about on this day."""
    rows = Approval.objects.filter(
        decided_at__gte=asked.start, decided_at__lt=asked.end, accounts=[asked.account.code]
    )
    return [
        {"title": row.title, "state": row.state, "made_by": row.made_by, "decided_by": row.decided_by}
        for row in rows.order_by("decided_at")
    ]
