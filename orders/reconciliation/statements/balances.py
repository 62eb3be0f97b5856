"""Positions and cash at the end of a statement's last day against what our books say of that evening."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from django.db.models import QuerySet

from brokers.formats import decimal_text
from brokers.models import CashBalance, Position
from orders.models.statement import Statement, StatementRow
from orders.reconciliation import baseline
from orders.reconciliation.breaks import Finding, as_evidence
from orders.reconciliation.cash import TOLERANCE
from orders.reconciliation.statements import findings

ZERO = Decimal(0)


def positions(statement: Statement) -> Iterator[Finding]:
    """Contracts whose quantity differs; one that the statement does not list is zero there."""
    theirs: defaultdict[int, Decimal] = defaultdict(Decimal)
    names: dict[int, str] = {}
    for row in _rows(statement, "OpenPositions"):
        theirs[row.con_id] += row.quantity or ZERO
        names[row.con_id] = row.symbol
    ours = _quantities_then(statement)
    for con_id in sorted({*theirs, *ours}):
        mine, listed = ours.get(con_id, ZERO), theirs.get(con_id, ZERO)
        if mine != listed:
            name = names.get(con_id) or str(con_id)
            yield _differs(statement, findings.POSITION, f"{con_id}", name, mine, listed, con_id=con_id)


def cash(statement: Statement) -> Iterator[Finding]:
    """Currencies whose balance at the end of the day differs by more than both roundings."""
    ours = _cash_then(statement)
    for row in _rows(statement, "CashReport").filter(what="CURRENCY").exclude(amount=None):
        mine = ours.get(row.currency, ZERO)
        if row.amount is not None and abs(row.amount - mine) > TOLERANCE:
            name = f"{row.currency} cash"
            yield _differs(
                statement, findings.CASH, row.currency, name, mine, row.amount, currency=row.currency
            )


def _rows(statement: Statement, section: str) -> QuerySet[StatementRow]:
    return StatementRow.objects.filter(statement=statement, section=section)


def _quantities_then(statement: Statement) -> dict[int, Decimal]:
    """Our quantity of each contract at the end of the day: today's less what was executed since."""
    account = statement.account
    found: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in Position.objects.filter(account=account):
        found[row.con_id] += row.baseline_qty
    for (_, con_id), quantity in baseline.quantities(account.code, _since_baseline(statement)).items():
        found[con_id] += quantity
    for (_, con_id), quantity in baseline.quantities(account.code, _later(statement)).items():
        found[con_id] -= quantity
    return dict(found)


def _cash_then(statement: Statement) -> dict[str, Decimal]:
    """Our cash of each currency at the end of the day, alike."""
    account = statement.account
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in CashBalance.objects.filter(account=account):
        found[row.currency] += row.baseline_amount
    for (_, currency), amount in baseline.cash(account.code, _since_baseline(statement)).items():
        found[currency] += amount
    for (_, currency), amount in baseline.cash(account.code, _later(statement)).items():
        found[currency] -= amount
    return dict(found)


def _since_baseline(statement: Statement) -> list[baseline.TradedTotal]:
    return baseline.traded_since_baseline(statement.account)


def _later(statement: Statement) -> list[baseline.TradedTotal]:
    return baseline.traded_after(statement.account, statement.to_date)


def _differs(
    statement: Statement,
    part: str,
    thing: str,
    name: str,
    mine: Decimal,
    listed: Decimal,
    *,
    con_id: int = 0,
    currency: str = "",
) -> Finding:
    account, day = statement.account_id, statement.to_date
    return findings.found(
        statement,
        part,
        day,
        thing,
        f"{name} of {account} on {day}: ours {decimal_text(mine)}, the statement's {decimal_text(listed)}.",
        ours=as_evidence(expected=decimal_text(mine), currency=currency),
        broker={"reported": decimal_text(listed)},
        con_id=con_id,
    )
