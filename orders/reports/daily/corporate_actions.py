"""What changed positions without an order, and splits to know of: a section of both reports of a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models import Q

from brokers.formats import decimal_or_none, decimal_text
from brokers.models import Position
from orders.models import PositionEvent, PositionEventKind, Split
from orders.reports.daily.report_day import ReportDay, Rows

#: Before the start of a day: what the statement of a weekend's or a holiday's eve told.
BEFORE, AHEAD = timedelta(days=4), timedelta(days=7)


def expected(asked: ReportDay) -> Rows:
    """At the start: splits around the day in what was ever held, and what happened since the last days."""
    return [
        *_splits(asked, asked.day - BEFORE, asked.day + AHEAD),
        *_events(asked, asked.day - BEFORE, asked.day),
    ]


def happened(asked: ReportDay) -> Rows:
    """At the end: those of the day."""
    return [*_splits(asked, asked.day, asked.day), *_events(asked, asked.day, asked.day)]


def _splits(asked: ReportDay, first: date, last: date) -> Rows:
    held = Position.objects.filter(account=asked.account).values("con_id")
    ours = Q(con_id__in=held) | Q(new_con_id__in=held)
    return [
        _row(one.ex_date, "SPLIT", one.symbol, one.con_id)
        | {"words": f"{one.numerator} for {one.denominator}", "source": one.source}
        for one in Split.objects.filter(ours, ex_date__range=(first, last))
    ]


def _events(asked: ReportDay, first: date, last: date) -> Rows:
    rows = PositionEvent.objects.filter(account=asked.account, day__range=(first, last))
    return [
        _row(one.day, one.kind, one.symbol, one.con_id)
        | {
            **{"words": PositionEventKind(one.kind).label, "source": one.source, "currency": one.currency},
            **{"quantity": decimal_text(one.quantity), "price": decimal_text(one.price)},
            **{"amount": decimal_text(one.amount), "realized_pnl": decimal_or_none(one.realized_pnl)},
        }
        for one in rows.exclude(kind=PositionEventKind.SPLIT)
    ]


def _row(day: date, kind: str, symbol: str, con_id: int) -> dict[str, Any]:
    """Every row has the same columns."""
    return {
        **{"day": day.isoformat(), "kind": str(kind), "symbol": symbol, "con_id": con_id, "words": ""},
        **dict.fromkeys(("quantity", "price", "amount", "currency", "realized_pnl")),
        "source": "",
    }
