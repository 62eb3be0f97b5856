"""Executions change with corrections, commissions and splits, with nothing else of their orders."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from brokers.fix import Side
from brokers.messages import CommissionReport, HandedOver
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.controls.audit.seal import seal
from orders.controls.audit.verify import Verification
from orders.models import Execution, Order, State
from tests.integration.orders.conftest import order
from tests.integration.orders.test_attribution import OURS, execution, sent, tell

__all__ = ["order", "sent"]
pytestmark = pytest.mark.django_db(transaction=True)
FIRST, SECOND = "0000e0d5.65f1.01.01", "0000e0d5.65f1.01.02"


def broken() -> list[str]:
    return [str(each) for each in Verification().broken()]


def cost(exec_id: str, amount: int = 1) -> CommissionReport:
    return CommissionReport(exec_id=exec_id, commission=Decimal(amount), currency="USD")


def test_a_changed_fill_is_named_whatever_else_happens_to_its_order(sent: Order) -> None:
    tell(execution(OURS, FIRST), cost(FIRST))
    assert (Order.objects.get(pk=sent.pk).state, seal() > 0) == (State.COMPLETED, True)
    Execution.objects.update(last_px=Decimal(231))  # by hand; then our own note of the send comes late
    note = HandedOver(order_id=str(sent.pk), broker_order_id=42, sent_at=timezone.now())
    apply_items("main", [note], SessionFlags())
    (fill,) = Execution.objects.all()
    assert f"orders_execution {fill.pk}: was changed" in broken()[0]
    seal()
    assert f"orders_execution {fill.pk}: was changed" in broken()[0]


def test_a_fill_that_a_commission_changes_is_no_false_alarm(sent: Order) -> None:
    tell(execution(OURS, FIRST), cost(FIRST))
    seal()
    tell(cost(FIRST, 2))
    assert broken() == []
    seal()
    assert broken() == []


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_fill_that_a_correction_replaces_is_no_false_alarm(sent: Order, side: Side) -> None:
    tell(execution(OURS, FIRST), cost(FIRST))
    seal()
    tell(execution(OURS, SECOND, side=side), cost(SECOND))
    assert Execution.objects.get(exec_id=FIRST).superseded
    assert broken() == []
    seal()
    assert broken() == []
