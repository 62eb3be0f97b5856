"""Splits and the ends of options as a statement tells them, booked once: positions count them from then on.

Both legs of an exercise or assignment are rows: the option goes, the underlying comes at the strike.
OptionEAE repeats what Trades has (`BookTrade`); what both tell is one event.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction

from brokers.models import Instrument
from brokers.postgres import storable
from orders.models import PositionEvent, PositionEventKind, Split
from orders.models.middle_office.corporate_actions import known_split
from orders.models.middle_office.statement import Statement, StatementRow
from orders.reconciliation import baseline, corporate_actions
from orders.reconciliation.statements.rows import MOVEMENT
from orders.reconciliation.statements.vocabulary import NEW_YORK, Unreadable, a_number, a_time, codes
from orders.reconciliation.totals import ZERO

#: Corporate actions that are nothing but another number of units; the others are a person's to judge.
SPLITS = ("FS", "RS")
RATIO = re.compile(r"\bSPLIT\s+(\d+(?:\.\d+)?)\s+FOR\s+(\d+(?:\.\d+)?)\b", re.IGNORECASE)
#: A ratio that nobody wrote is taken from quantities only if both of its numbers are as small as this.
LARGEST = 100
#: A time after this is the evening before the first day in new units.
CLOSED = time(16)
KINDS = {
    "Expiration": PositionEventKind.EXPIRATION,
    "Exercise": PositionEventKind.EXERCISE,
    "Assignment": PositionEventKind.ASSIGNMENT,
    "Cash Settlement": PositionEventKind.CASH_SETTLEMENT,
}
CODES = {
    "Ep": PositionEventKind.EXPIRATION,
    "Ex": PositionEventKind.EXERCISE,
    "AEx": PositionEventKind.EXERCISE,
    "MEx": PositionEventKind.EXERCISE,
    "A": PositionEventKind.ASSIGNMENT,
    "CD": PositionEventKind.CASH_SETTLEMENT,
}
FRACTIONS = ("FracShare", "FracShareCancel")


def book(statement: Statement) -> None:
    """Book what is new; a row that was booked before is left as it is."""
    for rows in _actions(statement):
        _split(statement, rows)
    rows = _movements(statement)
    options = {row.con_id: row for row in rows if _is_option(row)}
    for row in rows:
        _event(statement, row, _option_of(row, options))


# --- splits ---------------------------------------------------------------------------------------------
def _actions(statement: Statement) -> Iterator[list[StatementRow]]:
    """Splits: their rows, of which one that changes the contract's id has two under one number."""
    found: defaultdict[str, list[StatementRow]] = defaultdict(list)
    for row in statement.rows.filter(section="CorporateActions", what__in=SPLITS).order_by("pk"):
        found[row.raw.get("actionID") or row.key].append(row)
    yield from found.values()


def _split(statement: Statement, rows: list[StatementRow]) -> None:
    """Book it, unless the rows do not say how many were given for one."""
    old, new = _old_and_new(rows)
    ex_date = ex_date_of(old)
    held = baseline.quantities_on(statement.account, ex_date - timedelta(days=1)).get(old.con_id, ZERO)
    ratio = _ratio(rows, held)
    if not old.con_id or ratio is None:
        return
    split = known_split(old.con_id, ex_date) or corporate_actions.enter(
        Split(
            con_id=old.con_id,
            new_con_id=new.con_id,
            symbol=old.symbol,
            ex_date=ex_date,
            numerator=ratio.numerator,
            denominator=ratio.denominator,
            source=f"statement of {statement.to_date}, row {old.key}"[:200],
            entered_by="statement",
        )
    )
    _fraction(statement, split, new, held, sum((row.quantity or ZERO for row in rows), ZERO))


def _old_and_new(rows: list[StatementRow]) -> tuple[StatementRow, StatementRow]:
    """The row of the contract that was, and that of the one that is; mostly the same."""
    contracts = {row.con_id for row in rows}
    if len(contracts) == 1:
        return rows[0], rows[0]
    gone = [row for row in rows if ".OLD" in row.symbol or (row.quantity or ZERO) < 0]
    old = gone[0] if gone else rows[0]
    return old, next(row for row in rows if row.con_id != old.con_id)


def ex_date_of(row: StatementRow) -> date:
    """The first day in new units: the day it was booked for, or the one after the evening it happened on."""
    if row.raw.get("reportDate", "").strip():
        return row.day
    try:
        at = a_time(row.raw.get("dateTime", "")).astimezone(NEW_YORK)
    except Unreadable:
        return row.day
    return at.date() + timedelta(days=1) if at.time() >= CLOSED else at.date()


def _ratio(rows: list[StatementRow], held: Decimal) -> Fraction | None:
    """What the text says; else what made the quantities what they are, where that is a plain ratio."""
    for row in rows:
        said = RATIO.search(f"{row.raw.get('actionDescription', '')} {row.raw.get('description', '')}")
        if said:
            return _written(*said.groups())
    net = sum((row.quantity or ZERO for row in rows), ZERO)
    in_cash = any(a_number(row.raw.get("proceeds")) for row in rows)
    if not held or not held + net or in_cash:
        return None
    ratio = Fraction(held + net) / Fraction(held)
    plain = ratio > 0 and max(ratio.numerator, ratio.denominator) <= LARGEST and ratio != 1
    return ratio if plain else None


def _written(many: str, one: str) -> Fraction | None:
    """None for what is no ratio, or one that no column holds."""
    if not Decimal(many) or not Decimal(one):
        return None
    ratio = Fraction(many) / Fraction(one)
    return ratio if max(ratio.numerator, ratio.denominator) < 2**31 and ratio != 1 else None


def _fraction(statement: Statement, split: Split, row: StatementRow, held: Decimal, net: Decimal) -> None:
    """What the broker left out of whole units, and paid for: less than one."""
    over = corporate_actions.times(held, split.ratio) - (held + net)
    paid = a_number(row.raw.get("proceeds")) or ZERO
    if held and 0 < abs(over) < 1:
        _store(
            statement, row, f"fraction {split.pk}", PositionEventKind.CASH_IN_LIEU, split.ex_date, -over, paid
        )


# --- options and fractions ------------------------------------------------------------------------------
def _movements(statement: Statement) -> list[StatementRow]:
    """Rows that end a position or follow from that, each once."""
    rows = [*statement.rows.filter(section="OptionEAE").order_by("pk")]
    told = {_same(row) for row in rows}
    booked = statement.rows.filter(section="Trades", what=MOVEMENT).order_by("pk")
    rows += [row for row in booked if _same(row) not in told]
    return [row for row in rows if row.con_id and row.quantity]


def _same(row: StatementRow) -> tuple[int, str, Decimal | None]:
    return row.con_id, row.trade_id, row.quantity


def _is_option(row: StatementRow) -> bool:
    return row.raw.get("assetCategory", "") in ("OPT", "FOP", "WAR", "FSFOP") or bool(row.raw.get("putCall"))


def _option_of(row: StatementRow, options: dict[int, StatementRow]) -> StatementRow | None:
    """The option that this leg of the underlying comes from, by the trade that it names, else by contract."""
    if row.con_id in options:
        return None
    linked = [one for one in options.values() if _are_linked(row, one)]
    over = [one for one in options.values() if one.raw.get("underlyingConid") == str(row.con_id)]
    return next(iter(linked + over), None)


def _are_linked(row: StatementRow, option: StatementRow) -> bool:
    return bool(row.trade_id and option.raw.get("relatedTradeID") == row.trade_id) or bool(
        option.trade_id and row.raw.get("relatedTradeID") == option.trade_id
    )


def _event(statement: Statement, row: StatementRow, option: StatementRow | None) -> None:
    kind = _kind(row) or (_kind(option) if option else None)
    if kind is None:
        return
    key = f"{row.trade_id or row.key} {row.con_id}"
    option_con_id = option.con_id if option else 0
    _store(statement, row, key, kind, row.day, row.quantity or ZERO, _amount(row), option_con_id)


def _kind(row: StatementRow) -> PositionEventKind | None:
    if row.section == "OptionEAE":
        return KINDS.get(row.what)
    if row.raw.get("transactionType") in FRACTIONS:
        return PositionEventKind.CASH_IN_LIEU
    said = codes(row.raw.get("notes") or row.raw.get("code") or "")
    return next((CODES[code] for code in said if code in CODES), None)


def _amount(row: StatementRow) -> Decimal:
    """The cash that came; what the row does not say follows from its price."""
    if row.amount is not None:
        return row.amount
    return -(row.quantity or ZERO) * (row.price or ZERO) * _multiplier(row)


def _multiplier(row: StatementRow) -> Decimal:
    if (said := a_number(row.raw.get("multiplier"))) is not None:
        return said
    known = Instrument.objects.filter(con_id=row.con_id).values_list("multiplier", flat=True).first()
    return known or Decimal(1)


def _store(
    statement: Statement,
    row: StatementRow,
    key: str,
    kind: PositionEventKind,
    day: date,
    quantity: Decimal,
    amount: Decimal,
    option_con_id: int = 0,
) -> None:
    account, began = statement.account, statement.account.baseline_at
    seen_later = began is not None and corporate_actions.day_at(began, row.con_id) > day
    accepted = quantity in corporate_actions.accepted_gaps(account.pk, row.con_id, day)
    PositionEvent.objects.get_or_create(
        account=account,
        key=storable.key(key, 120),
        defaults={
            "kind": kind,
            "day": day,
            "con_id": row.con_id,
            "symbol": row.symbol,
            "sec_type": row.raw.get("assetCategory", "")[:16],
            "currency": row.currency,
            "multiplier": _multiplier(row),
            "option_con_id": option_con_id,
            "quantity": quantity,
            "price": row.price or ZERO,
            "amount": amount,
            "commission": row.commission or ZERO,
            "realized_pnl": _realized(row),
            "quantity_in_baseline": seen_later or accepted,
            "amount_in_baseline": seen_later,
            "source": f"statement of {statement.to_date}, {row.section}"[:200],
        },
    )


def _realized(row: StatementRow) -> Decimal | None:
    try:
        return a_number(row.raw.get("fifoPnlRealized") or row.raw.get("realizedPnl"))
    except Unreadable:
        return None
