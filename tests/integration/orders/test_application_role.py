"""The application's own role may do with the inbox what booking needs, and no more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from brokers.inbox import rows
from brokers.messages import CommissionReport, commission_key
from brokers.models import InboxMessage
from brokers.port import InboundMessage
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.booking.parked import retry_parked
from orders.controls.audit.install import APPLICATION
from orders.models import Execution, Order
from tests.integration.orders.test_attribution import OURS, execution, sent, tell

__all__ = ["sent"]


@pytest.fixture
def as_application(sent: Order) -> Order:
    """From here on the connection has the rights of the application."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {APPLICATION}")
    return sent


def told(amount: str, **facts: Any) -> InboundMessage:
    report = CommissionReport(exec_id="a.01", commission=Decimal(amount), currency="USD")
    return InboundMessage(
        event=report, dedup_key=commission_key(report), raw={}, received_at=timezone.now(), **facts
    )


def test_a_commission_told_again_is_taken(as_application: Order) -> None:
    tell(execution(OURS, "a.01"))
    for amount in ("1", "2", "1"):
        apply_items("main", [told(amount)], SessionFlags())
    assert Execution.objects.get().commission == 1


def test_a_commission_told_again_while_it_waits_is_taken(as_application: Order) -> None:
    for amount in ("1", "2", "1"):
        try:
            with transaction.atomic():
                apply_items("main", [told(amount)], SessionFlags())
        except Exception as error:
            rows.park_message("main", told(amount), error, timezone.now())
    tell(execution(OURS, "a.01"))
    retry_parked("main", SessionFlags())
    assert Execution.objects.get().commission == 1


def test_a_row_of_a_snapshot_is_parked_again_after_it_was_closed(as_application: Order) -> None:
    for _ in range(2):
        row = rows.park_message("main", told("1", topic="snapshot:x"), ValueError("odd"), None)
        InboxMessage.objects.filter(pk=row.pk).update(applied_at=timezone.now())
    assert InboxMessage.objects.get(dedup_key="snapshot:x").applied_at


@pytest.mark.parametrize("column", ["event", "raw", "received_at"])
def test_what_was_applied_stays_as_it_was_said(as_application: Order, column: str) -> None:
    tell(execution(OURS, "a.01"))
    other = timezone.now() if column == "received_at" else {}
    with pytest.raises((InternalError, DatabaseError)), transaction.atomic():
        InboxMessage.objects.filter(kind="execution_report").update(**{column: other})
    assert InboxMessage.objects.get(kind="execution_report").raw == {}
