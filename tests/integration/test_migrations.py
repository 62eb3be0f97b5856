"""The migrations say what the models say."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from tradedesk.stack.polling import eventually


@pytest.mark.django_db
def test_no_model_has_changed_without_a_migration() -> None:
    said = StringIO()
    call_command("makemigrations", dry_run=True, stdout=said)
    assert said.getvalue() == "No changes detected\n"


LOADER = MigrationLoader(None)
#: Done in steps, each for itself, so that one that waits for a lock leaves those before it.
IN_STEPS = sorted(key for key, one in LOADER.disk_migrations.items() if not one.atomic)


def migrate_forwards(migration: Migration) -> None:
    state = LOADER.project_state((migration.app_label, migration.name), at_end=False)
    with connection.schema_editor(atomic=False) as editor:
        migration.apply(state, editor)


def indexes_of(migration: Migration) -> dict[str, bool]:
    """Its indexes, and whether each can be used."""
    names = [step.index.name for step in migration.operations if hasattr(step, "index")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
            " WHERE relname = ANY(%s)",
            [names],
        )
        return dict(cursor.fetchall())


def stops_within_an_index(migration: Migration) -> bool:
    """Whether the writer's lock stopped it with an index half made; autovacuum's may stop it before that."""
    with pytest.raises(OperationalError, match="lock timeout"):
        migrate_forwards(migration)
    return False in indexes_of(migration).values()


@pytest.fixture
def writer(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """A second connection in a transaction that stays open, as that of an order that is being written."""
    other = connection.copy()
    other.set_autocommit(False)
    yield other
    other.close()


@pytest.mark.parametrize(("app", "name"), IN_STEPS)
def test_a_migration_in_steps_can_be_run_again_after_a_lock_timeout(
    app: str, name: str, writer: BaseDatabaseWrapper
) -> None:
    migration = LOADER.disk_migrations[app, name]
    with connection.cursor() as cursor, writer.cursor() as order:
        for index in indexes_of(migration):
            cursor.execute(f"DROP INDEX {index}")
        cursor.execute("SET lock_timeout = '200ms'")
        order.execute(f"LOCK TABLE {app}_{migration.operations[0].model_name} IN ROW EXCLUSIVE MODE")
    for _ in range(2):
        eventually(lambda: stops_within_an_index(migration))
    writer.rollback()
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")  # an autovacuum may hold its own lock for longer
    for _ in range(2):
        migrate_forwards(migration)
    assert set(indexes_of(migration).values()) == {True}
