"""Prepared statements: planned for an index, alone with that on their connection."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from brokers import prepared

SHOWN = "SELECT current_setting('enable_seqscan'), current_setting('plan_cache_mode'), current_setting('jit')"
WANTED = [("off", "force_generic_plan", "off")]


def shown() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(SHOWN)
        return cursor.fetchall()


@pytest.mark.django_db(transaction=True)
def test_only_a_prepared_statement_has_its_plan_settings() -> None:
    before = shown()
    assert before[0][:2] == ("on", "auto")
    assert prepared.rows(SHOWN, ()) == WANTED
    assert shown() == before
    with transaction.atomic():
        assert prepared.pipeline((SHOWN, ()), (SHOWN, ())) == [WANTED, WANTED]
        assert shown() == before


@pytest.mark.django_db(transaction=True)
def test_a_failed_statement_leaves_no_plan_settings_behind() -> None:
    before = shown()
    twice = "INSERT INTO auth_group (name) VALUES (%s), (%s)"
    with pytest.raises(IntegrityError):
        prepared.rows(twice, ["a", "a"])
    assert shown() == before
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            prepared.rows(twice, ["a", "a"])
        assert shown() == before


@pytest.mark.django_db(transaction=True)
def test_a_prepared_statement_reads_a_young_table_by_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO auth_group (name) VALUES ('young')")
        cursor.execute("ANALYZE auth_group")
    by_name = "EXPLAIN SELECT id FROM auth_group WHERE name = %s"
    assert "Index" in prepared.rows(by_name, ["young"])[0][0]
    with connection.cursor() as cursor:
        cursor.execute(by_name, ["young"])
        assert "Seq Scan" in cursor.fetchall()[0][0]
