"""Rows of a statement into their table, a batch in one statement: a year of a busy account has a million."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec

from brokers.postgres import prepared
from orders.models.middle_office.statement import StatementRow
from orders.reconciliation.statements.rows import Stored

#: The columns of a row with their SQL types; its number is given by the database.
COLUMNS = {
    "statement_id": "bigint",
    **dict.fromkeys(("section", "key", "what"), "text"),
    "day": "date",
    "con_id": "bigint",
    **dict.fromkeys(("symbol", "exec_id", "exec_root", "trade_id", "of_trade", "order_ref"), "text"),
    **dict.fromkeys(("quantity", "price", "amount"), "numeric"),
    "currency": "text",
    "commission": "numeric",
    "commission_currency": "text",
    "raw": "jsonb",
}


def store(rows: Sequence[Stored]) -> None:
    """Store them; of two rows with one key the first stays.

    One document in place of the ORM's objects and lists of values, which took three quarters of the time.
    """
    if rows:
        prepared.rows(_insert(), [msgspec.json.encode(rows).decode()])


@cache
def _insert() -> str:
    names = ", ".join(COLUMNS)
    return f"""
        INSERT INTO {StatementRow._meta.db_table} ({names})
        SELECT {names} FROM {prepared.json_to_recordset(COLUMNS, "told")} ON CONFLICT DO NOTHING
    """  # noqa: S608 - our own column names
