"""One stored statement against our books: what differs becomes a break, what agrees again closes one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from brokers.formats import decimal_text
from orders.models import Break, BreakKind, BreakNote
from orders.models.middle_office.corporate_actions import known_split
from orders.models.middle_office.statement import Statement
from orders.reconciliation import breaks
from orders.reconciliation.breaks import Finding
from orders.reconciliation.statements import balances, events, findings
from orders.reconciliation.statements.rows import MOVEMENT
from orders.reconciliation.statements.trades import TRADES, TradeComparison

#: Rows that change a position without an execution of an order.
MOVEMENTS = ("Transfers", "CorporateActions", "OptionEAE")


def compare(statement: Statement) -> list[str]:
    """Record what differs; the differences in words. A section that is not there is not judged."""
    if statement.kind == "AF":
        events.book(statement)
    parts = _parts(statement)
    trades = TradeComparison(statement)  # the first part: what it finds is not told of balances again
    found = [finding for part in parts for finding in _of(statement, part, trades)]
    told = breaks.record(
        statement.account.session_id,
        [BreakKind.STATEMENT],
        found,
        findings.not_judged(statement, {name for part in parts for name in NAMES[part]}),
    )
    _explain(statement)
    return [finding.text for finding in told]


#: What is compared, and the parts of keys that it judges.
NAMES = {
    "trades": {findings.TRADE},
    "all trades": {findings.TRADE, findings.ABSENT},
    "positions": {findings.POSITION},
    "cash": {findings.CASH},
    "actions": {findings.ACTION},
    "words": {findings.WORDS, findings.GONE},
}


def _parts(statement: Statement) -> list[str]:
    """What can be compared. A confirmation is made while its day goes on: what it lacks may still come."""
    there = statement.sections
    trades = any(name in there for name in TRADES)
    parts = ["all trades" if statement.kind == "AF" else "trades"] if trades else []
    judged = statement.account.baseline_at is not None
    parts += ["positions"] if judged and "OpenPositions" in there else []
    parts += ["cash"] if judged and "CashReport" in there else []
    return [*parts, *(["actions"] if "CorporateActions" in there else []), "words"]


def _of(statement: Statement, part: str, trades: TradeComparison) -> Iterator[Finding]:
    match part:
        case "trades" | "all trades":
            yield from trades.differences()
            if part == "all trades":
                yield from trades.absent()
        case "positions":
            yield from balances.positions(statement, trades.effects)
        case "cash":
            yield from balances.cash(statement, trades.effects)
        case "actions":
            yield from _actions(statement)
        case _:
            yield from _strange(statement)
            yield from _gone(statement)


def _actions(statement: Statement) -> Iterator[Finding]:
    """A corporate action: limits, waiting orders and prices of the contract must be looked at by a person."""
    for row in statement.rows.filter(section="CorporateActions"):
        said = row.raw.get("actionDescription") or row.raw.get("description", "")
        net = decimal_text(row.quantity or Decimal(0))
        text = f"Corporate action {row.what} of {row.symbol}: {net} in {row.statement.account_id}. {said}"
        if split := known_split(row.con_id, events.ex_date_of(row)):
            text = f"{text.strip()} Counted here as {split}."
        yield findings.of_row(statement, findings.ACTION, row, text.strip())


def _strange(statement: Statement) -> Iterator[Finding]:
    for word, times in statement.unknown.get("words", {}).items():
        if word.startswith("attribute") and findings.was_resolved(statement, findings.WORDS, word):
            continue  # it comes with each day's file; a person has looked at it
        text = f"The statement of {statement.to_date} has what nobody told us of: {word} ({times} times)."
        unreadable = statement.unknown.get("unreadable", []) if word.startswith("unreadable") else []
        said = {f"row {number}": f"{one['why']} {one['row']}" for number, one in enumerate(unreadable, 1)}
        yield findings.found(statement, findings.WORDS, statement.to_date, word, text, broker=said)


def _gone(statement: Statement) -> Iterator[Finding]:
    """Rows that an older reading of the same days had and this one has not."""
    older = Statement.objects.filter(
        account=statement.account_id,
        query=statement.query,
        kind=statement.kind,
        from_date=statement.from_date,
        to_date=statement.to_date,
        replaced=True,
    ).first()
    if older is None:
        return
    kept = statement.rows.values("key")
    stays = older.rows.exclude(section="CashReport")
    for row in stays.exclude(section="OpenPositions").exclude(key__in=kept):
        text = f"A row of {row.section} about {row.symbol or row.currency} is gone in a newer statement."
        yield findings.of_row(statement, findings.GONE, row, text)


def _explain(statement: Statement) -> None:
    """Say at an open break of a position which movement of the statement is just its difference."""
    moved = statement.rows.filter(section__in=MOVEMENTS) | statement.rows.filter(what=MOVEMENT)
    for row in moved.exclude(quantity=None).exclude(con_id=0):
        moved_by = decimal_text(row.quantity or Decimal(0))
        text = f"The statement of {statement.to_date} explains it: {row.what} of {moved_by}."
        for one in Break.objects.filter(
            kind=BreakKind.POSITION,
            key=Break.position_key(statement.account_id, row.con_id),
            closed_at=None,
        ).exclude(notes__text=text):
            if one.gap == row.quantity:
                BreakNote.objects.create(parent=one, by="statement", act="NOTE", text=text)
