"""Steps of migrations that can be run again after one of them gave up in the middle.

A migration that builds indexes beside running orders is not atomic, and gives up where it waits too long for
a lock. What it had done stays, so every step must be harmless to do again.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class BuildIndex(AddIndexConcurrently):
    """`AddIndexConcurrently` that first takes away what an earlier try has left: an index that is INVALID."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)
