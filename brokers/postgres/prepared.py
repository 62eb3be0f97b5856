"""Statements of the hot path, prepared: PostgreSQL parses and plans each once per connection, not per order.

Django binds parameters on the client, which sends the whole text to be planned anew each time. Here the same
connection, and so the same transaction, is asked with the server's own binding.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import msgspec
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]
Statement = tuple[str, Parameters]
Prepared = tuple[bytes, Sequence[Any]]
M = TypeVar("M", bound=Model)


#: A plan is made when its statement runs first on a connection, perhaps while a table is still small. One
#: that reads the table whole would be kept when it has grown, so plans are made to prefer indexes. That a
#: plan is kept at all, and no machine code made for it, the connection says (settings.py): the ORM prepares
#: nothing, so only these statements heed it.
PREFER_INDEXES = b"SELECT set_config('enable_seqscan', 'off', true)"
AS_BEFORE = b"SELECT set_config('enable_seqscan', NULL, true)"  # NULL is the connection's own
#: Seconds after which a connection's plans are made again. PostgreSQL does that by itself after an ANALYZE or
#: a change of the table, the driver after a rollback or for parameters of other types, and then without
#: asking us: this bounds how long a table grows under a plan that was made so.
PLANS_KEPT = 10.0


class Plans:
    """The statements that one connection has planned with a preference for indexes."""

    def __init__(self) -> None:
        self.texts: set[bytes] = set()
        self.old_at = time.monotonic() + PLANS_KEPT

    def before(self, wanted: Sequence[Prepared]) -> list[Prepared]:
        """What must go ahead of these statements, so that they have plans with indexes; mostly nothing."""
        forgotten: list[Prepared] = []
        if self.old_at <= time.monotonic():
            self.texts, self.old_at = set(), time.monotonic() + PLANS_KEPT
            forgotten = [(b"DISCARD PLANS", ())]
        if all(text in self.texts for text, _ in wanted):
            return []
        return [*forgotten, (PREFER_INDEXES, ())]


_plans: WeakKeyDictionary[psycopg.Connection[Any], Plans] = WeakKeyDictionary()


def rows(sql: str, parameters: Parameters) -> list[Row]:
    """Run a statement and return its rows, none for one without a result; raises Django's database errors."""
    return pipeline((sql, parameters))[0]


def pipeline(*statements: Statement) -> list[list[Row]]:
    """The same for several in one round trip, in this order; each sees what those before it did.

    With statements that are new to the connection the preference for indexes travels along. Outside of a
    transaction the pipeline is one, and it ends with it; inside of one it is put back, or rolled back with it
    after an error.
    """
    connection.ensure_connection()
    raw = connection.connection
    plans = _plans.get(raw) or _plans.setdefault(raw, Plans())
    wanted: list[Prepared] = []
    for sql, given in statements:
        text, names = _numbered(sql)
        wanted.append((text, [given[name] for name in names] if isinstance(given, Mapping) else given))
    before = plans.before(wanted)
    after = [(AS_BEFORE, ())] if before and not raw.autocommit else []
    asked = [*before, *wanted, *after]
    # The pipeline's end is the one round trip. One statement alone needs none: beginning and end cost more.
    with connection.wrap_database_errors, raw.pipeline() if len(asked) > 1 else nullcontext():
        cursors = [psycopg.RawCursor(raw).execute(*statement, prepare=True) for statement in asked]
    plans.texts.update(text for text, _ in wanted)  # only now: a statement that failed may have no plan
    # Not by `description`: that describes every column each time, a tenth of a statement's cost.
    answered = cursors[len(before) : len(before) + len(wanted)]
    return [one.fetchall() if one.pgresult and one.pgresult.nfields else [] for one in answered]


PARAMETER = re.compile(r"%(?:s|%|\((\w+)\)s)")


@cache
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The text with $1, $2 for its parameters, and their names by number.

    Once for each statement: the driver looks for them anew each time in a text of more than 4,096 characters.
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found[1] or f"{len(names)}"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PARAMETER.sub(number, " ".join(sql.split())).encode(), tuple(names)


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
