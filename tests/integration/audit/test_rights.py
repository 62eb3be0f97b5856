"""The application's login: it does its work, and leaves alone what is audited."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.db.utils import Error, ProgrammingError

from orders.controls.audit.install import APPLICATION
from orders.controls.audit.tables import CHANGEABLE
from orders.models import AuditRecord, Order
from tests.integration.audit.test_chain import broken, orders
from tradedesk.stack.servers.postgres import APPLICATION as LOGIN

__all__ = ["orders"]
pytestmark = pytest.mark.django_db(transaction=True)

ONLY_ADDED = [table for table, columns in CHANGEABLE.items() if not columns]
REFUSED = {
    **{
        f"UPDATE {table}": f"UPDATE {table} SET id = id"
        for table in ONLY_ADDED
        if table != "orders_auditseal"
    },
    **{f"DELETE {table}": f"DELETE FROM {table}" for table in CHANGEABLE},
    **{f"TRUNCATE {table}": f"TRUNCATE {table} CASCADE" for table in CHANGEABLE},
    "a seal": "UPDATE orders_auditseal SET head = head",
    "an execution": "UPDATE orders_execution SET last_px = 1",
    "a message of the broker": "UPDATE brokers_inboxmessage SET dedup_key = ''",
    "an order deleted": "DELETE FROM orders_order",
    "who ordered": "UPDATE orders_order SET recorded_at = now()",
    "an act": "UPDATE orders_deskact SET reason = 'x'",
    "another role of its own": "ALTER ROLE tradedesk_app SUPERUSER",
    "triggers off": "SET session_replication_role = replica",
    "a trigger": "ALTER TABLE orders_orderevent DISABLE TRIGGER ALL",
    "a function": "DROP FUNCTION orders_audit_follow() CASCADE",
    "a table": "CREATE TABLE mine (id int)",
    "another role": "SET ROLE tradedesk",
    "migrations": "DELETE FROM django_migrations",
}


@pytest.fixture
def as_application() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION AUTHORIZATION {APPLICATION}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET SESSION AUTHORIZATION")


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED.keys())
def test_the_database_refuses_what_the_application_may_not(
    orders: list[Order], as_application: None, sql: str
) -> None:
    with (
        pytest.raises((ProgrammingError, Error)) as refused,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert "denied" in str(refused.value) or "must be owner" in str(refused.value)


def test_the_stack_logs_in_as_the_role_that_has_these_rights() -> None:
    assert LOGIN == APPLICATION


def test_the_outcome_of_an_act_is_written_once(orders: list[Order], as_application: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_deskact (key, user_id, action, reason, ok, outcome)"
            " SELECT gen_random_uuid(), id, 'PAUSE', 'r', false, '' FROM auth_user LIMIT 1"
        )
        cursor.execute("UPDATE orders_deskact SET ok = true, outcome = 'paused'")
    with pytest.raises(Error, match="written once"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE orders_deskact SET outcome = 'other'")


def test_what_the_application_does_to_limits_is_followed(orders: list[Order], as_application: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_accountlimit SET max_notional = 4")
    kept = AuditRecord.objects.filter(kind="orders_accountlimit.update").latest("id")
    assert kept.new is not None
    assert (kept.role, kept.new["max_notional"]) == (APPLICATION, 4)
    assert broken() == []


def test_a_check_report_stays_once_its_order_is_refused_or_sent(
    orders: list[Order], as_application: None
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET check_report = '[1]' WHERE id = %s", [orders[0].pk])
        cursor.execute("UPDATE orders_order SET state = 'REJECTED' WHERE id = %s", [orders[0].pk])
        with pytest.raises(Error, match="stays as it is"), transaction.atomic():
            cursor.execute("UPDATE orders_order SET check_report = '[2]' WHERE id = %s", [orders[0].pk])
    kept = AuditRecord.objects.get(kind="orders_order.update")
    assert kept.new is not None
    assert (kept.order_id, kept.new["check_report"]) == (orders[0].pk, [1])
