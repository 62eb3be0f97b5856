"""Combinations: the order counts by the whole, its legs must come to it, and a lone leg is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from brokers.fix import Side
from brokers.messages import (
    CommissionReport,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    Refusal,
    WorkingStatus,
)
from brokers.models import BrokerAccount, Instrument
from orders.desk.decisions import fail_held
from orders.models import Alert, AlertKind, Break, BreakKind, Order, State
from orders.reconciliation.positions import executed_quantities
from orders.statistics import notional_today
from tests.integration.orders.test_any_order import AAPL
from tests.integration.orders.test_attribution import OURS, execution, sent, tell
from tests.integration.orders.test_snapshots import LONG_AGO, look

__all__ = ["sent"]
NEAR, FAR = 7, 8
WHOLE = msgspec.structs.replace(AAPL, sec_type="BAG", symbol="AAPL,SPY", con_id=28812380)
CANCELED = OrderReport(identity=OURS, status=WorkingStatus.CANCELED, source="orderStatus")
REJECTED = (
    ErrorReport(identity=OURS, code=201, text="words", meaning=Refusal.ORDER_REJECTED),
    msgspec.structs.replace(CANCELED, status=WorkingStatus.INACTIVE),
)


@pytest.fixture
def spread(sent: Order) -> Order:
    """Our order to buy 10 of: one near bought, two far sold."""
    legs = [
        {"con_id": NEAR, "ratio": 1, "side": "BUY", "exchange": "SMART"},
        {"con_id": FAR, "ratio": 2, "side": "SELL", "exchange": "SMART"},
    ]
    Instrument.objects.filter(pk=sent.instrument_id).update(sec_type="BAG", con_id=None, legs=legs)
    BrokerAccount.objects.update(baseline_at=LONG_AGO)
    return sent


def whole(quantity: int, number: str = "01.01", **facts: Any) -> ExecutionReport:
    facts = {"instrument": WHOLE, "sec_type": "BAG", "last_qty": Decimal(quantity), **facts}
    return execution(OURS, f"0000e0d5.65f1.{number}", **facts)


def leg(con_id: int, quantity: int, number: str = "01.01", **facts: Any) -> ExecutionReport:
    side = Side.BUY if con_id == NEAR else Side.SELL
    one = msgspec.structs.replace(AAPL, con_id=con_id)
    facts = {"instrument": one, "side": side, "last_qty": Decimal(quantity), **facts}
    return execution(OURS, f"0000e0d5.{con_id}.{number}", **facts)


def cost(report: ExecutionReport) -> CommissionReport:
    return CommissionReport(exec_id=report.exec_id, commission=Decimal(1), currency="USD")


def now_is(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def positions() -> dict[int, Decimal]:
    return {con_id: quantity for (_, con_id), quantity in executed_quantities("main").items()}


@pytest.mark.parametrize("end", [(CANCELED,), REJECTED])
def test_canceled_after_one_leg_it_is_canceled_and_the_lone_leg_is_told(spread: Order, end: Any) -> None:
    tell(leg(NEAR, 10), *end)
    assert (now_is(spread).state, now_is(spread).cum_qty, positions()) == (State.CANCELED, 0, {NEAR: 10})
    look()
    look()
    row = Break.objects.get(kind=BreakKind.EXECUTION)
    assert (row.order_id, row.closed_at) == (spread.id, None)
    assert (row.ours, row.broker) == ({"7": "10", "8": "0"}, {"7": "0", "8": "0"})
    assert Alert.objects.filter(kind=AlertKind.BREAK, text=row.text, cleared_at=None).exists()


def test_legs_that_come_late_close_what_was_told(spread: Order) -> None:
    tell(leg(NEAR, 10), CANCELED)
    look()
    tell(whole(10), leg(FAR, 20))
    look()
    look()
    assert (now_is(spread).state, Break.objects.get().closed_by) == (State.FILLED, "system")


def test_a_leg_alone_shows_that_the_order_works(spread: Order) -> None:
    Order.objects.update(state=State.SENT, ack_deadline=timezone.now())
    tell(leg(NEAR, 4))
    assert (now_is(spread).state, now_is(spread).ack_deadline) == (State.PENDING, None)


def test_a_late_leg_of_a_refused_one_puts_it_in_doubt(spread: Order) -> None:
    tell(*REJECTED, leg(NEAR, 4))
    assert now_is(spread).state == State.UNCONFIRMED


def test_given_up_after_one_leg_it_is_canceled(spread: Order) -> None:
    tell(leg(NEAR, 4))
    Order.objects.update(state=State.UNCONFIRMED, held_for_desk=True)
    assert fail_held(spread.id, actor="desk:ops", at=timezone.now()).state == State.CANCELED


def test_what_was_executed_today_counts_legs_and_not_the_whole(spread: Order) -> None:
    tell(whole(10))
    assert notional_today([spread.account_id]) == []
    tell(leg(NEAR, 10), leg(FAR, 20))
    (row,) = notional_today([spread.account_id])
    assert (row["fills"], row["value"]) == (2, 30 * Decimal("230.02"))


@pytest.mark.parametrize("order_first", [True, False])
def test_it_is_completed_when_all_legs_and_their_costs_are_there(spread: Order, order_first: bool) -> None:
    legs = [leg(NEAR, 10), leg(FAR, 20)]
    tell(*([whole(10)] if order_first else []), legs[0], cost(legs[0]), *([] if order_first else [whole(10)]))
    assert now_is(spread).state == State.FILLED
    tell(legs[1])
    assert now_is(spread).state == State.FILLED
    tell(cost(legs[1]))
    assert now_is(spread).state == State.COMPLETED


def test_legs_that_do_not_come_to_the_ratio_complete_nothing_and_are_told(spread: Order) -> None:
    legs = [leg(NEAR, 10), leg(FAR, 10)]
    tell(whole(10), *legs, *map(cost, legs))
    assert now_is(spread).state == State.FILLED
    look()
    assert Break.objects.get(kind=BreakKind.EXECUTION).broker == {"7": "10", "8": "-20"}


def test_one_that_is_sold_trades_its_legs_the_other_way(spread: Order) -> None:
    Order.objects.update(side=Side.SELL)
    legs = [leg(NEAR, 10, side=Side.SELL), leg(FAR, 20, side=Side.BUY)]
    tell(whole(10, side=Side.SELL), *legs, *map(cost, legs))
    assert (now_is(spread).state, positions()) == (State.COMPLETED, {NEAR: -10, FAR: 20})


def test_part_filled_corrected_and_busted_it_follows_the_whole(spread: Order) -> None:
    tell(whole(6), leg(NEAR, 6), leg(FAR, 12))
    tell(whole(4, "01.02"), leg(NEAR, 4, "01.02"), leg(FAR, 8, "01.02"))
    assert (now_is(spread).state, now_is(spread).cum_qty) == (State.PARTIALLY_FILLED, 4)
    assert positions() == {NEAR: 4, FAR: -8}
    tell(whole(0, "01.03"), leg(NEAR, 0, "01.03"), leg(FAR, 0, "01.03"))
    assert (now_is(spread).state, now_is(spread).cum_qty) == (State.PENDING, 0)
    tell(CANCELED)
    look()
    assert (now_is(spread).state, Break.objects.count()) == (State.CANCELED, 0)
