"""The documents of a day: start (is everything in order?) and end (what was done?), as named lists of rows.

One document serves the API, the desk and every file. Values are plain text or numbers; null is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from brokers.formats import time_text
from brokers.models import BrokerAccount
from brokers.postgres import clock
from orders.models import ReportKind
from orders.reports.daily import corporate_actions
from orders.reports.daily.balances import cash, of_statement, positions
from orders.reports.daily.end_of_day import (
    approvals,
    commissions,
    ends,
    fill_rows,
    limit_use,
    order_rows,
    profits,
    slippage,
    summary,
    traded,
)
from orders.reports.daily.report_day import Listed, ReportDay, Rows, break_rows, zone_of
from orders.reports.daily.start_of_day import checklist, expiring, limit_changes, resting_orders

Document = dict[str, Any]
Section = Callable[[ReportDay], Rows | Listed]
START: dict[str, Section] = {
    "checklist": checklist,
    "open breaks": break_rows,
    "resting orders": resting_orders,
    "expiring": expiring,
    "corporate actions": corporate_actions.expected,
    "limit changes": limit_changes,
    "positions": positions,
    "cash": cash,
}
END: dict[str, Section] = {
    "summary": summary,
    "traded": traded,
    "commissions": commissions,
    "profit and loss": profits,
    "positions": positions,
    "cash": cash,
    "corporate actions": corporate_actions.happened,
    "breaks": break_rows,
    "ends by reason": ends,
    "slippage": slippage,
    "limit use": limit_use,
    "approvals": approvals,
    "orders": order_rows,
    "fills": fill_rows,
}
#: Sections that show how things are when they are asked for: of a day that is over, not how they were.
OF_NOW = {
    *("checklist", "resting orders", "expiring", "positions", "cash"),
    *("summary", "profit and loss", "ends by reason", "limit use", "orders"),
}
#: Those of them that a statement of the day may have.
STATED = {"positions": "OpenPositions", "cash": "CashReport"}


def build(kind: ReportKind, account: BrokerAccount, day: date) -> Document:
    """The document of an account's day as it is known now; `as_of_sections` are not of the day."""
    asked = ReportDay(account=account, day=day, zone=zone_of(kind))
    sections = START if kind == ReportKind.START_OF_DAY else END
    found = {name: _listed(section(asked)) for name, section in sections.items()}
    return {
        "report": kind.value,
        "account": account.code,
        "date": day.isoformat(),
        "zone": asked.zone,
        "as_of": time_text(clock.now()),
        "as_of_sections": [name for name in sections if _is_of_now(name, asked)],
        "sections": {name: one.rows for name, one in found.items()},
        "more": {name: one.more for name, one in found.items() if one.more},
    }


def _listed(found: Rows | Listed) -> Listed:
    return found if isinstance(found, Listed) else Listed(rows=found, more=0)


def _is_of_now(name: str, asked: ReportDay) -> bool:
    """Whether a section of a day that is over shows what is so now."""
    if not asked.is_over or name not in OF_NOW:
        return False
    return name not in STATED or of_statement(asked, STATED[name]) is None
