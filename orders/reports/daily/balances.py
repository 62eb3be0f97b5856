"""Positions and cash of a day: as the broker reports them now, or by its statement of a day that is over."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from brokers.formats import decimal_or_none, decimal_text, time_text
from brokers.models import CashBalance, Position
from orders.models.middle_office.statement import Statement, StatementRow
from orders.reports.daily.report_day import ReportDay, Rows


def positions(asked: ReportDay) -> Rows:
    """Positions of that evening where a statement has them, else those of now."""
    if (told := of_statement(asked, "OpenPositions")) is not None:
        return [_stated_position(row) for row in told.exclude(quantity=0).order_by("symbol", "con_id")]
    rows = Position.objects.filter(account=asked.account).exclude(position_qty=0)
    return [
        {
            **{"symbol": row.symbol, "sec_type": row.sec_type, "con_id": row.con_id},
            **{"currency": row.currency, "position_qty": decimal_text(row.position_qty)},
            **{"avg_cost": decimal_or_none(row.avg_cost), "reported_at": time_text(row.reported_at)},
        }
        for row in rows.order_by("symbol", "con_id")
    ]


def _stated_position(row: StatementRow) -> dict[str, Any]:
    return {
        **{"symbol": row.symbol, "sec_type": row.raw.get("assetCategory", ""), "con_id": row.con_id},
        **{"currency": row.currency, "position_qty": decimal_or_none(row.quantity)},
        "avg_cost": row.raw.get("costBasisPrice") or None,
        "reported_at": time_text(row.statement.generated_at),
    }


def cash(asked: ReportDay) -> Rows:
    """Cash of that evening where a statement has it, else that of now."""
    if (told := of_statement(asked, "CashReport")) is not None:
        stated = told.filter(what="CURRENCY").order_by("currency")
        return [_cash(row.currency, row.amount, row.statement.generated_at) for row in stated]
    rows = CashBalance.objects.filter(account=asked.account).order_by("currency")
    return [_cash(row.currency, row.amount, row.reported_at) for row in rows]


def _cash(currency: str, amount: Any, reported_at: Any) -> dict[str, Any]:
    return {
        **{"currency": currency, "amount": decimal_or_none(amount)},
        "reported_at": time_text(reported_at),
    }


def of_statement(asked: ReportDay, section: str) -> QuerySet[StatementRow] | None:
    """The rows of a section of the broker's statement that ends with this day; None without one.

    Of a day that goes on there is none yet: what the broker reports live is newer.
    """
    if not asked.is_over:
        return None
    known = Statement.objects.filter(
        account=asked.account, kind="AF", to_date=asked.day, replaced=False, sections__has_key=section
    )
    newest = known.order_by("-generated_at").first()
    return newest.rows.filter(section=section).select_related("statement") if newest else None
