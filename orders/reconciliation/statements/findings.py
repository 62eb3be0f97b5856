"""What a statement shows that our books do not, as breaks: their keys say which statement can judge them.

A key is `account part day thing`. A later reading closes what it can judge and does not show any more; what
is of other accounts, days or parts it leaves alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from brokers.models import Instrument
from brokers.postgres import storable
from orders.models import Break, BreakKind
from orders.models.middle_office.statement import Statement, StatementRow
from orders.reconciliation.breaks import Finding

#: Trades that differ or that we lack; trades that the statement lacks; balances; events; words of no list.
TRADE, ABSENT, POSITION, CASH, ACTION, WORDS = "TRADE", "ABSENT", "POSITION", "CASH", "ACTION", "WORDS"
GONE = "GONE"  # rows that an older reading had
KEY_LENGTH = 100


def found(
    statement: Statement,
    part: str,
    day: date,
    thing: str,
    text: str,
    *,
    ours: dict[str, str] | None = None,
    broker: dict[str, str] | None = None,
    con_id: int = 0,
    **about: Any,
) -> Finding:
    """One difference of this statement."""
    instrument = (
        Instrument.objects.filter(con_id=con_id).values_list("pk", flat=True).first() if con_id else None
    )
    return Finding(
        kind=BreakKind.STATEMENT,
        key=storable.key(f"{statement.account_id} {part} {day:%Y%m%d} {thing}", KEY_LENGTH),
        account=statement.account_id,
        instrument_id=instrument,
        text=text,
        ours=ours or {},
        broker=broker or {},
        **about,
    )


def of_row(statement: Statement, part: str, row: StatementRow, text: str) -> Finding:
    """A row of the statement that has nothing on our side."""
    said = {name: value for name, value in row.raw.items() if value}
    return found(statement, part, row.day, row.key, text, broker=said, con_id=row.con_id)


def was_resolved(statement: Statement, part: str, thing: str) -> bool:
    """Whether a person resolved the same about another day of this account."""
    rows = Break.objects.filter(kind=BreakKind.STATEMENT, account=statement.account_id)
    same = rows.filter(key__startswith=f"{statement.account_id} {part} ", key__endswith=f" {thing}")
    return same.filter(closed_by__startswith="desk:").exists()


def not_judged(statement: Statement, parts: Collection[str]) -> set[str]:
    """Keys of open breaks that this reading could not look at."""
    session = statement.account.session_id
    keys = Break.objects.filter(session_id=session, kind=BreakKind.STATEMENT, closed_at=None)
    return {key for key in keys.values_list("key", flat=True) if not _judges(statement, parts, key)}


def _judges(statement: Statement, parts: Collection[str], key: str) -> bool:
    account, _, rest = key.partition(" ")
    part, _, rest = rest.partition(" ")
    day = rest.partition(" ")[0]
    within = f"{statement.from_date:%Y%m%d}" <= day <= f"{statement.to_date:%Y%m%d}"
    return account == statement.account_id and part in parts and within
