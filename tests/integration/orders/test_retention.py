"""What nobody asks for again is forgotten in parts, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from brokers.models import LinkChange
from orders.controls import retention
from orders.controls.audit.install import APPLICATION
from orders.models import Order, OutboxCommand, ReconciliationRun, Webhook
from tests.integration.orders.test_attribution import sent

__all__ = ["sent"]


def ago(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


def command(order: Order, **fields: Any) -> OutboxCommand:
    return OutboxCommand.objects.create(order=order, session_id="main", kind="CANCEL", **fields)


def test_commands_that_were_sent_long_ago_go_and_others_stay(sent: Order, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    OutboxCommand.objects.all().delete()
    for _ in range(5):
        command(sent, done_at=ago(days=31))
    kept = [command(sent, done_at=None).pk, command(sent, done_at=ago(days=1)).pk]
    assert retention.forget_commands() == 5
    assert list(OutboxCommand.objects.order_by("pk").values_list("pk", flat=True)) == kept


def test_old_logins_link_changes_and_failed_runs_go(sent: Order) -> None:
    Session.objects.create(session_key="a", session_data="", expire_date=ago(days=1))
    Session.objects.create(session_key="b", session_data="", expire_date=ago(days=-1))
    for days in (100, 1):
        LinkChange.objects.create(session_id="main", link="DOWN", at=ago(days=days))
        ReconciliationRun.objects.create(
            session_id="main",
            kind="ORDERS",
            started_at=ago(days=days),
            finished_at=ago(days=days),
            ok=False,
            error="x",
        )
    gone = retention.forget()
    assert (gone["logins"], gone["link_changes"], gone["failed_runs"]) == (1, 1, 1)


@pytest.mark.parametrize(("failures", "active"), [(59, True), (60, False)])
def test_a_webhook_that_nobody_answers_for_two_weeks_is_ended(
    sent: Order, failures: int, active: bool
) -> None:
    client = User.objects.create_user("hooked")
    hook = Webhook.objects.create(
        client=client, url="https://example.com/x", made_by="x", txid=0, event_id=0, failures=failures
    )
    retention.forget()
    hook.refresh_from_db()
    assert hook.active == active


def test_the_application_may_forget_all_of_it(sent: Order) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {APPLICATION}")
    assert set(retention.forget()) >= {"logins", "commands", "dead_webhooks"}
