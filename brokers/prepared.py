"""Statements of the hot path, prepared: PostgreSQL parses and plans each once per connection, not per order.

Django binds parameters on the client, which sends the whole text to be planned anew each time. Here the same
connection, and so the same transaction, is asked with the server's own binding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from django.db import connection

Row = tuple[Any, ...]


def rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    """Run a statement and return its rows, none for one without a result; raises Django's database errors."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql.encode(), parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []


def recordset(columns: Mapping[str, str], alias: str) -> str:
    """A parameter as a table: the rows that `records` made of it, columns by name with their SQL types."""
    return (
        f"json_to_recordset(%s::json) AS {alias}({', '.join(f'{n} {kind}' for n, kind in columns.items())})"
    )


def records(rows: Iterable[object], columns: Iterable[str]) -> str:
    """These attributes of every row, for `recordset`.

    One document in place of an array for each column: encoding the arrays took a third of the time of
    applying, and each mixture of types and nulls was another statement to prepare.
    """
    return msgspec.json.encode([{name: getattr(row, name) for name in columns} for row in rows]).decode()
