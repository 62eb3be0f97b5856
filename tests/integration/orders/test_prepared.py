"""Prepared statements: planned for an index, alone with that on their connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from brokers.postgres import prepared
from orders.sending.waiting import unchecked_orders

SHOWN = "SELECT current_setting('enable_seqscan')"
BY_NAME = "SELECT id FROM auth_group WHERE name = %s"
KEPT = """SELECT name, cardinality(parameter_types), generic_plans, custom_plans
    FROM pg_prepared_statements WHERE statement LIKE %s"""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _new_connection() -> Iterator[None]:
    """One that has planned nothing yet: the pool would lend one of an earlier test."""
    connection.close_pool()
    yield
    connection.close_pool()


def ask(sql: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def kept_plan(statement: str = "SELECT id FROM auth_group%") -> str:
    """The plan by which a prepared statement, BY_NAME here, is run from now on, whatever is given to it."""
    [(name, count, generic, custom)] = ask(KEPT, statement)
    assert (generic > 0, custom) == (True, 0)
    given = ", ".join(["NULL"] * count)
    return "\n".join(line for (line,) in ask(f"EXPLAIN EXECUTE {name}({given})"))


def young_table() -> None:
    ask("INSERT INTO auth_group (name) VALUES ('young')")
    ask("ANALYZE auth_group")


def test_only_the_first_run_of_a_statement_prefers_indexes() -> None:
    assert ask(SHOWN) == [("on",)]
    assert prepared.rows(SHOWN, ()) == [("off",)]
    assert ask(SHOWN) == prepared.rows(SHOWN, ()) == [("on",)]
    other = SHOWN + ", 1"
    with transaction.atomic():
        assert prepared.pipeline((SHOWN, ()), (other, ())) == [[("off",)], [("off", 1)]]
        assert ask(SHOWN) == [("on",)]
        assert prepared.rows(other, ()) == [("on", 1)]


def test_a_failed_statement_leaves_no_preference_and_is_not_taken_for_planned() -> None:
    twice = "INSERT INTO auth_group (name) VALUES (%s), (%s)"
    for _ in range(2):
        with pytest.raises(IntegrityError):
            prepared.rows(twice, ["a", "a"])
        with transaction.atomic():
            with pytest.raises(IntegrityError), transaction.atomic():
                prepared.rows(twice, ["a", "a"])
            assert ask(SHOWN) == [("on",)]
    assert prepared.rows(SHOWN, ()) == [("off",)]


def test_a_young_tables_index_plan_is_kept_for_later_runs() -> None:
    young_table()
    assert "Seq Scan" in ask("EXPLAIN " + BY_NAME, "young")[0][0]
    for _ in range(3):
        prepared.rows(BY_NAME, ["young"])
    assert "Index" in kept_plan()


def test_a_plan_remade_after_analyze_prefers_the_index_again_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    young_table()
    prepared.rows(BY_NAME, ["young"])
    ask("ANALYZE auth_group")
    prepared.rows(BY_NAME, ["young"])  # PostgreSQL plans anew by itself, as it likes
    monkeypatch.setattr(prepared.time, "monotonic", lambda: float("inf"))
    prepared.rows(BY_NAME, ["young"])
    monkeypatch.undo()
    assert "Index" in kept_plan()
    assert prepared.rows(SHOWN, ()) == [("off",)]


def test_orders_that_wait_are_found_by_their_ids_in_young_tables() -> None:
    ask("TRUNCATE orders_order CASCADE")
    ask("DELETE FROM pg_statistic")  # of earlier tests' rows: it stays when a table is emptied
    unchecked_orders("main")
    plan = kept_plan("SELECT id FROM ( %")
    assert "outbox_waiting" in plan, plan
    assert "orders_order_pkey" in plan
    assert "orders_order_group_id" not in plan
