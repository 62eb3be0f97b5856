"""Statements of the hot path, prepared: PostgreSQL parses and plans each once per connection, not per order.

Django binds parameters on the client, which sends the whole text to be planned anew each time. Here the same
connection, and so the same transaction, is asked with the server's own binding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]
Statement = tuple[str, Parameters]
M = TypeVar("M", bound=Model)


#: These statements are planned once for each connection, perhaps while a table is still small. A plan that
#: reads it whole would be kept when it has grown, so they prefer indexes. Others have PostgreSQL's defaults.
PLAN_SETTINGS = {"plan_cache_mode": "'force_generic_plan'", "enable_seqscan": "'off'", "jit": "'off'"}


def _set_local(values: Mapping[str, str]) -> str:
    """SET LOCAL of several settings in one statement; the values are SQL, NULL is the connection's own."""
    return "SELECT " + ", ".join(f"set_config('{name}', {value}, true)" for name, value in values.items())


SET_PLAN = _set_local(PLAN_SETTINGS)
RESET_PLAN = _set_local(dict.fromkeys(PLAN_SETTINGS, "NULL"))


def rows(sql: str, parameters: Parameters) -> list[Row]:
    """Run a statement and return its rows, none for one without a result; raises Django's database errors."""
    return pipeline((sql, parameters))[0]


def pipeline(*statements: Statement) -> list[list[Row]]:
    """The same for several in one round trip, in this order; each sees what those before it did.

    The plan settings travel along. Outside of a transaction the pipeline is one, and they end with it; inside
    of one they are put back, or rolled back with it after an error.
    """
    connection.ensure_connection()
    raw = connection.connection
    afterwards = [] if raw.autocommit else [(RESET_PLAN, ())]
    with connection.wrap_database_errors, raw.pipeline():  # its end is the one round trip
        cursors = [
            psycopg.Cursor(raw).execute(_text(sql), parameters, prepare=True)
            for sql, parameters in ((SET_PLAN, ()), *statements, *afterwards)
        ]
    # Not by `description`: that describes every column each time, a tenth of a statement's cost.
    asked = cursors[1 : 1 + len(statements)]
    return [one.fetchall() if one.pgresult and one.pgresult.nfields else [] for one in asked]


@cache
def _text(sql: str) -> bytes:
    """Without its line breaks: the driver keeps no parsed text of more than 4,096 characters."""
    return " ".join(sql.split()).encode()


def json_to_recordset(columns: Mapping[str, str], alias: str) -> str:
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


def columns(model: type[Model], alias: str) -> str:
    """All columns of a model in the order that `made` wants them, for a SELECT."""
    return ", ".join(f"{alias}.{field.column}" for field in model._meta.concrete_fields)


def column_count(model: type[Model]) -> int:
    """How many columns that are."""
    return len(model._meta.concrete_fields)


def from_row(model: type[M], row: Row) -> M:
    """The object of a row that has just these columns, as the ORM would have made it.

    Compiling a query took the ORM longer than PostgreSQL took to answer it, for each batch and each GET.
    """
    values = list(row)
    for place, converted in _conversions(model):
        values[place] = converted(values[place], None, connection)
    return model.from_db(DEFAULT_DB_ALIAS, [], values)


@cache
def _conversions(model: type[Model]) -> list[tuple[int, Any]]:
    """Where the driver's value is not yet the field's, and what makes it that (JSON)."""
    fields = enumerate(model._meta.concrete_fields)
    return [(place, field.from_db_value) for place, field in fields if hasattr(field, "from_db_value")]
