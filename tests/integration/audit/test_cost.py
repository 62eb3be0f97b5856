"""What the audit adds to the POST of an order, by counts: nothing. The sealing task does its work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.controls.audit.seal import seal
from orders.models import AccountLimit, AuditRecord, Order
from tests.integration.api.conftest import ACCOUNT, Api, api, body, desk, fresh_tokens, groups, token

__all__ = ["api", "desk", "fresh_tokens", "groups", "token"]
CALLS = "SELECT funcname, calls FROM pg_stat_xact_user_functions WHERE funcname LIKE 'orders_audit%%'"


@pytest.fixture
def counted() -> Iterator[None]:
    """PostgreSQL counts the calls of each function, triggers' too."""
    with connection.cursor() as cursor:
        cursor.execute("SET track_functions = 'all'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET track_functions")


def calls() -> dict[str, int]:
    """How often each function of the audit has run since the test began."""
    with connection.cursor() as cursor:
        cursor.execute(CALLS)
        return {name: int(count) for name, count in cursor.fetchall()}


def test_the_post_of_an_order_runs_no_trigger_and_no_statement_of_the_audit(api: Api, counted: None) -> None:
    api.post("orders", body("first"))  # what is read once in a process
    before, records = calls(), AuditRecord.objects.count()
    with CaptureQueriesContext(connection) as said:
        assert api.post("orders", body("second")).status_code == 201
    assert (calls(), AuditRecord.objects.count()) == (before, records)
    assert [one["sql"] for one in said if "audit" in one["sql"] or "tradedesk.acting" in one["sql"]] == []


def test_what_the_count_of_triggers_would_show_is_shown_for_a_limit(api: Api, counted: None) -> None:
    before = calls().get("orders_audit_follow", 0)
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=7)
    assert calls()["orders_audit_follow"] > before


@pytest.mark.django_db(transaction=True)
def test_the_order_is_sealed_by_the_task_alone(api: Api) -> None:
    seal()
    api.post("orders", body("sealed"))
    assert Order.objects.filter(cl_ord_id="sealed").exists()
    assert seal() > 0
