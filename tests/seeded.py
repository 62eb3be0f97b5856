"""What migrations and `manage.py seed` make, made once per process and copied where a test wants it.

The groups of the desk, which the flush takes away, are a set of their own. Of what `seed` makes there are
two sets, because the second person belongs to the groups of the desk where those are, and a third
of a desk at work: with these groups, its instruments resolved and a second account.
"""

from __future__ import annotations

import tempfile
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import override_settings
from django.utils import timezone

from brokers.models import BrokerAccount, Instrument
from orders.entry.limits.rules import rules_cache
from orders.management.commands.seed import APPROVER, DESK_USER, write_secret
from orders.models import AccountLimit

ACCOUNT, OTHER = "DU1234567", "DU7654321"
DESK, GROUPS = "desk", "groups"
QUICK_HASH = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # scrypt is slow by design
#: The first passwords, by who has them: a copied row is of use with them alone.
_passwords: dict[tuple[bool, str], str] = {}
#: Every row that is there now goes into a schema of that name, with a function that copies them back. No
#: trigger hears of it: what they recorded is among the rows. The ruleset is a new edition, as after a seed.
KEEP = """
    DO $keep$
    DECLARE
        named text; filled boolean; columns text; body text := '';
    BEGIN
        DROP SCHEMA IF EXISTS {schema} CASCADE;
        CREATE SCHEMA {schema};
        FOREACH named IN ARRAY string_to_array('{tables}', ' ') LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %I)', named) INTO filled;
            IF filled THEN
                EXECUTE format('CREATE TABLE {schema}.%I AS TABLE %I', named, named);
                SELECT string_agg(quote_ident(column_name), ',' ORDER BY ordinal_position) INTO columns
                    FROM information_schema.columns
                    WHERE table_schema = 'public' AND table_name = named AND is_generated = 'NEVER';
                body := body || format(
                    'INSERT INTO %I (%s) SELECT %s FROM {schema}.%I ON CONFLICT DO NOTHING;',
                    named, columns, columns, named
                );
            END IF;
        END LOOP;
        EXECUTE format(
            'CREATE FUNCTION {schema}.again() RETURNS void LANGUAGE plpgsql
             SET session_replication_role = replica AS %L',
            'BEGIN ' || body || 'UPDATE orders_rulebook SET edition = gen_random_uuid(); END'
        );
    END $keep$
"""
#: What migrations made is not emptied between tests.
NOT_EMPTIED = {"django_content_type", "auth_permission", "django_migrations"}
OF_GROUPS = ("auth_group", "auth_group_permissions")


def schema(with_groups: bool) -> str:
    """Where that set is kept."""
    return "seeded_groups" if with_groups else "seeded"


def keep_groups() -> None:
    """Keep the groups that migrations made; all else goes."""
    empty(leave=OF_GROUPS)
    keep(GROUPS)


def keep_seeded() -> None:
    """Seed an empty database twice, without the groups and with them, and keep the rows; leaves it empty."""
    for with_groups in (False, True):
        empty()
        with tempfile.TemporaryDirectory() as folder:
            if with_groups:
                groups_again()
            with override_settings(PASSWORD_HASHERS=QUICK_HASH, DATA_DIR=Path(folder)):
                call_command("seed", stdout=StringIO())
            keep(schema(with_groups), leave=OF_GROUPS)
            for who in (DESK_USER, APPROVER):
                if (file := Path(folder, f"{who}_password")).exists():
                    _passwords[with_groups, who] = file.read_text().strip()
    open_second_account()
    keep(DESK, leave=OF_GROUPS)
    empty()


def keep(name: str, leave: tuple[str, ...] = ()) -> None:
    """Keep every row that is there now under that name, but those of the tables to leave."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - NOT_EMPTIED - set(leave)
        cursor.execute(KEEP.format(schema=name, tables=" ".join(sorted(tables))))


def open_second_account() -> None:
    """Resolve and price each instrument without a broker, and open another account with limits of its own."""
    instruments = list(Instrument.objects.order_by("pk"))
    con_id = F("pk") - (instruments[0].pk - 1)  # 1, 2, ...: they were made in one go
    Instrument.objects.update(con_id=con_id, min_tick=Decimal("0.01"), last_px=Decimal(200))
    first = BrokerAccount.objects.get(pk=ACCOUNT)
    other = BrokerAccount.objects.create(code=OTHER, session=first.session)
    limit = AccountLimit.objects.create(account=other, max_order_qty=10_000, max_notional=5_000_000)
    limit.allowed_instruments.set(instruments)


def empty(leave: tuple[str, ...] = ()) -> None:
    """Take every row away, but those of the tables to leave."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.django_table_names(only_existing=True)) - set(leave)
        for statement in connection.ops.sql_flush(None, sorted(tables)):  # type: ignore[arg-type]
            cursor.execute(statement)


def groups_again() -> None:
    """The groups as the migrations made them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {GROUPS}.again()")


def seed_again(test_settings: Any) -> None:
    """The rows of `manage.py seed` in an empty database, and the files with the first passwords."""
    with_groups = Group.objects.exists()
    copy(schema(with_groups), with_groups, test_settings)


def desk_again(test_settings: Any) -> None:
    """The rows of a desk at work beside its groups, which are there; every price is of this moment."""
    copy(DESK, True, test_settings)
    Instrument.objects.update(last_px_at=timezone.now())


def copy(name: str, with_groups: bool, test_settings: Any) -> None:
    """The rows that were kept under that name, and the files with the first passwords of their persons."""
    test_settings.PASSWORD_HASHERS = QUICK_HASH
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name}.again()")
    rules_cache._rules = None
    for (grouped, who), password in _passwords.items():
        if grouped is with_groups:
            write_secret(settings.DATA_DIR / f"{who}_password", password)
