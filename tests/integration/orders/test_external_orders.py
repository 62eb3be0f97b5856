"""Orders that are not ours, as executions and looks tell of them."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from django.utils import timezone

from brokers.fix import Side
from brokers.messages import ExecutionReport, OrderIdentity
from brokers.port import InboundMessage
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.models import Alert, Order, Source, State
from tests.integration.orders.test_any_order import AAPL


def executed(exec_id: str, quantity: int, cum_qty: int, perm_id: int) -> ExecutionReport:
    return ExecutionReport(
        identity=OrderIdentity(perm_id=perm_id),
        exec_id=exec_id,
        account="DU1234567",
        instrument=AAPL,
        side=Side.BUY,
        last_qty=Decimal(quantity),
        last_px=Decimal(200),
        cum_qty=Decimal(cum_qty),
        transact_time=timezone.now(),
    )


def tell(*reports: ExecutionReport) -> list[Order]:
    """Hear them one by one; the orders of others that are known then."""
    for report in reports:
        note = InboundMessage(event=report, dedup_key=uuid4().hex, raw={}, received_at=timezone.now())
        apply_items("main", [note], SessionFlags())
    return list(Order.objects.filter(source=Source.EXTERNAL).order_by("id"))


def test_an_order_seen_by_its_executions_grows_with_them(order: Order) -> None:
    (found,) = tell(executed("a.01.01", 3, 3, 99), executed("b.01.01", 4, 7, 99))
    assert (found.order_qty, found.cum_qty, found.state) == (7, 7, State.FILLED)
    assert not found.overfilled
    assert not Alert.objects.exists()


def test_trades_without_a_broker_number_are_one_order_each(order: Order) -> None:
    one, other = tell(executed("a.01.01", 3, 3, 0), executed("b.01.01", 4, 4, 0))
    assert (one.cum_qty, other.cum_qty, one.perm_id) == (3, 4, None)


def test_a_correction_of_such_a_trade_finds_it(order: Order) -> None:
    (found,) = tell(executed("a.01.01", 3, 3, 0), executed("a.01.02", 2, 2, 0))
    assert (found.cum_qty, found.executions.count()) == (2, 2)
