"""Positions and cash at the end of a statement's last day against what our books say of that evening."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from django.db.models import QuerySet

from brokers.formats import decimal_text
from orders.models.middle_office.statement import Statement, StatementRow
from orders.reconciliation import baseline
from orders.reconciliation.breaks import Finding, as_evidence
from orders.reconciliation.cash import TOLERANCE
from orders.reconciliation.statements import findings
from orders.reconciliation.statements.trades import Effects

ZERO = Decimal(0)


def positions(statement: Statement, effects: Effects) -> Iterator[Finding]:
    """Contracts whose quantity differs by more than the trades that differ; one not listed is zero there."""
    theirs: defaultdict[int, Decimal] = defaultdict(Decimal)
    names: dict[int, str] = {}
    for row in _rows(statement, "OpenPositions"):
        theirs[row.con_id] += row.quantity or ZERO
        names[row.con_id] = row.symbol
    ours = baseline.quantities_on(statement.account, statement.to_date)
    for con_id in sorted({*theirs, *ours, *effects.positions}):
        mine, listed = ours.get(con_id, ZERO) + effects.positions[con_id], theirs.get(con_id, ZERO)
        if mine != listed:
            name = names.get(con_id) or str(con_id)
            yield _differs(statement, findings.POSITION, f"{con_id}", name, mine, listed, con_id=con_id)


def cash(statement: Statement, effects: Effects) -> Iterator[Finding]:
    """Currencies whose balance differs by more than both roundings and the trades that differ."""
    ours = baseline.cash_on(statement.account, statement.to_date)
    for row in _rows(statement, "CashReport").filter(what="CURRENCY").exclude(amount=None):
        mine = ours.get(row.currency, ZERO) + effects.cash[row.currency]
        if row.amount is not None and abs(row.amount - mine) > TOLERANCE:
            name = f"{row.currency} cash"
            yield _differs(
                statement, findings.CASH, row.currency, name, mine, row.amount, currency=row.currency
            )


def _rows(statement: Statement, section: str) -> QuerySet[StatementRow]:
    return statement.rows.filter(section=section)


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
