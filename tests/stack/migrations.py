"""What a migration would do to a desk that trades: what of it locks a big table, or breaks version N-1.

A rolling update runs the version before beside the new schema, and on a table of millions of rows whatever
reads all of them under a lock stops every order for as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import connection, models
from django.db.migrations import Migration, RunSQL, SeparateDatabaseAndState, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from brokers.postgres.migration_steps import BuildIndex, DropFieldIndex

#: Tables that grow with every order.
BIG = {
    *("orders_order", "orders_orderevent", "orders_execution", "orders_orderrequest", "orders_usedid"),
    *("orders_outboxcommand", "orders_submissionattempt", "orders_auditrecord", "orders_auditseal"),
    *("orders_webhookdelivery", "orders_webhookattempt", "brokers_inboxmessage"),
}
TABLES = "|".join(sorted(BIG))
#: SQL by hand that reads or rewrites a whole big table under a lock, and what to write instead.
SQL = {
    rf"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)[^;]*\bON (ONLY )?({TABLES})\b": "CREATE INDEX CONCURRENTLY",
    rf"ALTER TABLE (ONLY )?({TABLES})\b[^;]*ADD CONSTRAINT(?![^;]*(NOT VALID|USING INDEX))": "NOT VALID",
    rf"ALTER TABLE (ONLY )?({TABLES})\b[^;]*SET NOT NULL": "a CHECK that is NOT VALID, validated later",
    rf"ALTER TABLE (ONLY )?({TABLES})\b[^;]*ALTER COLUMN \w+ (SET DATA )?TYPE": "another column",
    rf"\bUPDATE (ONLY )?({TABLES})\b": "rows in parts, by a command after the migration",
    rf"\bDELETE FROM (ONLY )?({TABLES})\b": "rows in parts, by a command after the migration",
    rf"\b(LOCK TABLE|CLUSTER|VACUUM FULL|TRUNCATE)\b[^;]*({TABLES})": "nothing of it while a desk trades",
}


#: Steps that may be done again: a migration that is not atomic stops between two where a lock takes too long.
AGAIN = (BuildIndex, RemoveIndexConcurrently, ValidateConstraint, operations.AlterField)


def faults(migration: Migration, state: ProjectState) -> list[str]:
    """What is wrong with a migration, in words; `state` is what was before it."""
    found: list[str] = []
    if not migration.atomic:
        once = [type(step).__name__ for step in flat(migration.operations) if not isinstance(step, AGAIN)]
        found += [
            f"{name}: cannot be run again after a lock timeout: a migration of its own" for name in once
        ]
    state = state.clone()
    for operation in flat(migration.operations):
        found += [f"{type(operation).__name__}: {text}" for text in fault(operation, migration, state)]
        operation.state_forwards(migration.app_label, state)
    return found


def flat(found: list[Operation]) -> Iterator[Operation]:
    """The operations that reach the database."""
    for operation in found:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from flat(operation.database_operations)
        else:
            yield operation


def table_of(migration: Migration, state: ProjectState, name: str) -> str:
    """The big table of a model; empty when it is another one, or made by this very migration."""
    if any(
        isinstance(each, operations.CreateModel) and each.name_lower == name.lower()
        for each in migration.operations
    ):
        return ""
    table = str(state.apps.get_model(migration.app_label, name)._meta.db_table)
    return table if table in BIG else ""


@singledispatch
def fault(operation: Operation, migration: Migration, state: ProjectState) -> Iterator[str]:
    """What is wrong with one operation; nothing is known against this kind."""
    return iter(())


@fault.register
def _(operation: RunSQL, migration: Migration, state: ProjectState) -> Iterator[str]:
    parts = operation.sql if isinstance(operation.sql, list | tuple) else [operation.sql]
    text = " ".join(part[0] if isinstance(part, list | tuple) else part for part in parts)
    text = re.sub(r"--[^\n]*", "", text).replace('"', "")
    for pattern, instead in SQL.items():
        if match := re.search(pattern, " ".join(text.split()), re.IGNORECASE):
            yield f"{match[0][:80]!r} locks or rewrites a big table: use {instead}"


@fault.register
def _(operation: operations.AddIndex, migration: Migration, state: ProjectState) -> Iterator[str]:
    table = table_of(migration, state, operation.model_name)
    if table and not isinstance(operation, AddIndexConcurrently):
        yield f"stops all writes to {table}: use BuildIndex in a migration with atomic = False"
    elif table and migration.atomic:
        yield "BuildIndex wants a migration with atomic = False"


@fault.register
def _(operation: operations.AddConstraint, migration: Migration, state: ProjectState) -> Iterator[str]:
    table = table_of(migration, state, operation.model_name)
    if table and not isinstance(operation, AddConstraintNotValid):
        yield f"reads all of {table} under a lock: AddConstraintNotValid, validated by a later migration"


@fault.register
def _(operation: operations.AddField, migration: Migration, state: ProjectState) -> Iterator[str]:
    if table := table_of(migration, state, operation.model_name):
        yield from new_column(table, operation.field)


def new_column(table: str, field: Any) -> Iterator[str]:
    """What is wrong with a new column."""
    if field.many_to_many:
        return
    if not field.null and not field.has_db_default():
        yield f"version N-1 does not fill {table}.{field.name}: null=True or db_default"
    if field.has_db_default() and not is_constant(field.db_default):
        yield f"{table} is rewritten for a default that is no constant"
    if field.db_index or field.unique:
        yield f"the index of {table}.{field.name} stops all writes: db_index=False, AddIndexConcurrently"
    if field.remote_field is not None and field.db_constraint:
        yield f"the foreign key of {table}.{field.name} reads all of it: add it NOT VALID by RunSQL"


def is_constant(default: Any) -> bool:
    """Whether a default is a value, or an expression of one."""
    return isinstance(getattr(default, "value", default), str | int | float | bool | list | dict)


@fault.register
def _(operation: operations.AlterField, migration: Migration, state: ProjectState) -> Iterator[str]:
    table = table_of(migration, state, operation.model_name)
    if not table:
        return
    before = state.apps.get_model(migration.app_label, operation.model_name)._meta.get_field(operation.name)
    after = operation.field
    if before.null and not after.null:
        yield f"SET NOT NULL reads all of {table}: a CHECK that is NOT VALID, validated later"
    if (after.db_index and not before.db_index) or (after.unique and not before.unique):
        yield f"the index of {table}.{operation.name} stops all writes: AddIndexConcurrently"
    known = state.clone()
    operation.state_forwards(migration.app_label, known)
    bound = known.apps.get_model(migration.app_label, operation.model_name)._meta.get_field(operation.name)
    if made_anew(before, bound) and not isinstance(operation, DropFieldIndex):
        yield f"the foreign key of {operation.name} is made anew, which reads all of {table}: DropFieldIndex"
    if not widened(before, after):
        yield f"{table} is rewritten for another type of {operation.name}: a new column, filled in parts"


def made_anew(before: Any, after: Any) -> bool:
    """Whether Django drops a foreign key and adds it again, as it does for any change of its column."""
    keys = [field.remote_field is not None and field.db_constraint for field in (before, after)]
    return all(keys) and bool(connection.schema_editor()._field_should_be_altered(before, after))


def widened(before: Any, after: Any) -> bool:
    """Whether a column's type stays, or only takes longer text."""
    if isinstance(before, models.CharField) and isinstance(after, models.TextField):
        return True
    if isinstance(before, models.CharField) and isinstance(after, models.CharField):
        return bool(after.max_length >= before.max_length)
    if before.remote_field is not None or after.remote_field is not None:
        return True  # its key's type is another table's
    return bool(before.db_type(connection) == after.db_type(connection))


@fault.register(operations.RemoveField)
@fault.register(operations.RenameField)
def _(operation: Any, migration: Migration, state: ProjectState) -> Iterator[str]:
    if table := table_of(migration, state, operation.model_name):
        yield f"version N-1 still uses this column of {table}: first a version that does not"


@fault.register(operations.DeleteModel)
@fault.register(operations.RenameModel)
@fault.register(operations.AlterModelTable)
def _(operation: Any, migration: Migration, state: ProjectState) -> Iterator[str]:
    name = getattr(operation, "old_name", None) or operation.name
    if table := table_of(migration, state, name):
        yield f"version N-1 still uses {table}: first a version that does not"
