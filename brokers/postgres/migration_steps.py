"""Steps of migrations that can be run again after one of them gave up in the middle.

A migration that builds indexes beside running orders is not atomic, and gives up where it waits too long for
a lock. What it had done stays, so every step must be harmless to do again.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AlterField


class BuildIndex(AddIndexConcurrently):
    """`AddIndexConcurrently` that first takes away what an earlier try has left: an index that is INVALID."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class DropFieldIndex(AlterField):
    """`AlterField` to `db_index=False` that drops the field's own indexes, and does nothing else.

    Django's own would drop a foreign key with them and make it anew, which reads the whole table under a
    lock. Dropping an index takes the table for a moment, as a new column does.
    """

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        column = model._meta.get_field(self.name).column
        named = {index.name for index in model._meta.indexes}
        with schema_editor.connection.cursor() as cursor:
            found = schema_editor.connection.introspection.get_constraints(cursor, model._meta.db_table)
        for name, facts in found.items():
            if facts["index"] and not facts["unique"] and facts["columns"] == [column] and name not in named:
                schema_editor.execute(f"DROP INDEX IF EXISTS {schema_editor.quote_name(name)}")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        raise NotImplementedError("nothing is migrated backwards (docs/production.md)")
