"""Statements of the hot path, prepared: PostgreSQL parses and plans each once per connection, not per order.

Django binds parameters on the client, which sends the whole text to be planned anew each time. Here the same
connection, and so the same transaction, is asked with the server's own binding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection

Row = tuple[Any, ...]


def rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    """Run a statement and return its rows, none for one without a result; raises Django's database errors."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql.encode(), parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []
