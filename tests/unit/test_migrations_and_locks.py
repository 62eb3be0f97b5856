"""No migration stops a desk that trades, and the version before runs on the new schema."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.models.functions import Now

from brokers.postgres.migration_steps import BuildIndex, DropFieldIndex
from tests.stack.migrations import BIG, faults

#: From these numbers on; what is older ran before anybody had a big table.
FIRST = {"orders": 32, "brokers": 11}
#: Migrations that may do it all the same, each with its reason.
MEANT: dict[str, str] = {}
LOADER = MigrationLoader(None)


def later() -> list[tuple[str, str]]:
    return sorted(
        key for key in LOADER.disk_migrations if key[0] in FIRST and int(key[1][:4]) >= FIRST[key[0]]
    )


def test_no_later_migration_locks_a_big_table_or_breaks_the_version_before() -> None:
    found = {
        f"{app}.{name}": faults(LOADER.disk_migrations[app, name], before(app, name)) for app, name in later()
    }
    assert {key: texts for key, texts in found.items() if texts and key not in MEANT} == {}


def before(app: str, name: str) -> Any:
    """The state just before a migration."""
    return LOADER.project_state((app, name), at_end=False)


def test_every_big_table_exists() -> None:
    tables = {model._meta.db_table for model in LOADER.project_state().apps.get_models()}
    assert BIG - tables == set()


def made(*operations: Any, atomic: bool = True) -> list[str]:
    """The faults of a migration of these operations, on today's schema."""
    migration = Migration("9999_test", "orders")
    migration.operations, migration.atomic = list(operations), atomic
    return faults(migration, LOADER.project_state())


#: As it is, but for what is made anew with any change of it.
UNINDEXED = models.ForeignKey("orders.Order", models.PROTECT, related_name="attempts", db_index=False)
INDEX = models.Index(fields=["kind"], name="x")
CHECK = models.CheckConstraint(condition=models.Q(order_qty__gt=0), name="x")


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex("orderevent", INDEX),
        migrations.AddConstraint("order", CHECK),
        migrations.AddConstraint("order", models.UniqueConstraint(fields=["perm_id"], name="x")),
        migrations.AddField("order", "x", models.IntegerField(default=0)),
        migrations.AddField("order", "x", models.DateTimeField(db_default=Now())),
        migrations.AddField("order", "x", models.IntegerField(null=True, db_index=True)),
        migrations.AddField("order", "x", models.CharField(null=True, unique=True, max_length=9)),
        migrations.AddField("order", "x", models.ForeignKey("orders.Order", models.PROTECT, null=True)),
        migrations.AlterField("order", "perm_id", models.BigIntegerField(default=0)),
        migrations.AlterField("order", "reason_text", models.IntegerField()),
        migrations.AlterField("order", "cl_ord_id", models.CharField(max_length=3)),
        migrations.AlterField("submissionattempt", "order", UNINDEXED),
        migrations.RemoveField("order", "reason_text"),
        migrations.RenameField("order", "reason_text", "x"),
        migrations.RunSQL("CREATE INDEX x ON orders_order (state)"),
        migrations.RunSQL("create unique index x on\n orders_orderevent (kind)"),
        migrations.RunSQL("ALTER TABLE orders_order ADD CONSTRAINT x CHECK (order_qty > 0)"),
        migrations.RunSQL('ALTER TABLE "orders_execution" ALTER COLUMN venue SET NOT NULL'),
        migrations.RunSQL([("UPDATE orders_order SET source = 'API'", None)]),
        migrations.RunSQL("ALTER TABLE brokers_inboxmessage ALTER COLUMN kind TYPE text"),
        migrations.SeparateDatabaseAndState([migrations.AddIndex("orderevent", INDEX)]),
    ],
)
def test_what_locks_a_big_table_or_breaks_the_version_before_is_refused(operation: Any) -> None:
    assert made(operation)


@pytest.mark.parametrize(
    "operation",
    [
        AddConstraintNotValid("order", CHECK),
        migrations.AddField("order", "x", models.IntegerField(null=True)),
        migrations.AddField("order", "x", models.IntegerField(db_default=0)),
        migrations.AlterField("order", "cl_ord_id", models.CharField(max_length=300)),
        DropFieldIndex("submissionattempt", "order", UNINDEXED),
        migrations.AddIndex("deskprofile", models.Index(fields=["id"], name="x")),
        migrations.RunSQL("CREATE INDEX CONCURRENTLY x ON orders_order (state)"),
        migrations.RunSQL("ALTER TABLE orders_order ADD CONSTRAINT x CHECK (order_qty > 0) NOT VALID"),
        migrations.RunSQL("UPDATE orders_deskprofile SET zone = 'UTC'"),
        migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))]),
    ],
)
def test_what_leaves_a_desk_alone_is_allowed(operation: Any) -> None:
    assert made(operation) == []


def test_a_concurrent_index_wants_a_migration_without_a_transaction() -> None:
    assert made(BuildIndex("orderevent", INDEX))
    assert made(BuildIndex("orderevent", INDEX), atomic=False) == []


@pytest.mark.parametrize(
    "operation",
    [
        AddIndexConcurrently("orderevent", INDEX),
        migrations.AddField("order", "x", models.IntegerField(null=True)),
        migrations.RunSQL("CREATE INDEX CONCURRENTLY x ON orders_order (state)"),
    ],
)
def test_what_cannot_be_run_again_is_refused_outside_a_transaction(operation: Any) -> None:
    assert made(operation, atomic=False)
