"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from pytest_django import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware

from orders.notify import redis_client
from tests.plugin import is_copy
from tests.seeded import NOT_EMPTIED, keep_groups, keep_seeded
from tradedesk.stack.template import MIGRATED


@pytest.fixture(scope="session")
def django_db_modify_db_settings(pytestconfig: pytest.Config, django_db_modify_db_settings: None) -> None:
    """Where the server is a copy of the template, so is the test database: nothing is left to migrate."""
    if is_copy(pytestconfig):
        connection.settings_dict["TEST"]["TEMPLATE"] = MIGRATED


#: Most tables are empty after a test: a look at each costs less than the files that TRUNCATE makes anew.
EMPTIED = """
    DO $$
    DECLARE
        named text; filled boolean;
    BEGIN
        SET LOCAL session_replication_role = replica;  -- no order of tables, and no history that refuses
        FOREACH named IN ARRAY string_to_array('{tables}', ' ') LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %I)', named) INTO filled;
            IF filled THEN EXECUTE format('DELETE FROM %I', named); END IF;
        END LOOP;
    END $$
"""


def emptied(self: DatabaseOperations, style: Any, tables: Sequence[str], **wanted: Any) -> list[str]:
    """The statement that empties the tables behind a test that committed; numbers go on."""
    return [EMPTIED.format(tables=" ".join(sorted(set(tables) - NOT_EMPTIED)))]


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Between tests rows go and nothing is migrated: permissions and triggers are as migrations left them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", emptied)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_, **__: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_walk() -> Iterator[None]:
    """Each test client makes the middleware anew; the static files are looked for once."""
    walk, known = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def add(self: WhiteNoiseMiddleware) -> None:
        if not known:
            walk(self)
            known.update(self.files)
        self.files.update(known)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker, quick_flush: None) -> None:
    """The first test finds what every later one finds: not the rows that only migrations make."""
    with django_db_blocker.unblock():
        keep_groups()
        keep_seeded()


@pytest.fixture
def no_tasks(settings: Any) -> None:
    """Other tests of this process publish tasks that no worker takes."""
    with redis_client.client() as client:
        client.delete(*(f"tradedesk:{queue.name}" for queue in settings.CELERY_TASK_QUEUES))
