"""What is sent in which order (tws-wire 6.3 and 8), where no test of the subject itself says it already.

Market, resting, IOC, FOK, stop and untransmitted orders: test_orders.py. Brackets, groups, locates:
test_attached.py. Before the open (399): test_trading_day.py. Fills while IB is gone: test_requests.py.
"""

from __future__ import annotations

import pytest

from brokers.simulator.session import Session
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.server import CommissionReport, ErrMsg, ExecutionData, OrderStatus
from tests.unit.simulator.kit import AAPL, Bench, errors, limit, only, story
from tests.unit.simulator.test_session import connected, frame, received

FILLED = [
    *("OpenOrder Filled", "OrderStatus Filled"),
    *("OpenOrder Filled commission", "OrderStatus Filled", "CommissionReport"),
]
PART = ["ExecutionData", "OpenOrder Submitted", "OrderStatus Submitted", "CommissionReport"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_fill_in_parts_repeats_execution_order_and_commission(bench: Bench) -> None:
    other = bench.connect(2)
    bench.send(limit(1, "230.00"))
    bench.send(limit(1, "230.00", action="SELL", total_quantity=30), other)
    assert story(bench.received()) == PART
    bench.send(limit(2, "230.00", action="SELL", total_quantity=70), other)
    assert story(bench.received()) == ["ExecutionData", *FILLED]


def test_a_commission_comes_after_its_execution_and_never_before(bench: Bench) -> None:
    received = bench.place(1, total_quantity=3000)
    fills = [received.index(fill) for fill in only(ExecutionData, received)]
    commissions = [received.index(report) for report in only(CommissionReport, received)]
    assert len(fills) == len(commissions) > 1
    assert all(fill < commission for fill, commission in zip(fills, commissions, strict=True))


def test_a_cancel_of_a_part_filled_order_keeps_what_was_filled(bench: Bench) -> None:
    bench.send(limit(1, "230.00"))
    bench.send(limit(1, "230.00", action="SELL", total_quantity=30), bench.connect(2))
    bench.received()
    received = bench.cancel(1)
    assert story(received) == ["OrderStatus PendingCancel", "OrderStatus Cancelled", "ErrMsg 202"]
    assert [(status.filled, status.remaining) for status in only(OrderStatus, received)] == [(30, 70)] * 2


def test_an_ioc_that_fills_in_part_is_cancelled_for_the_rest(bench: Bench) -> None:
    bench.send(limit(1, "230.00", action="SELL", total_quantity=30), bench.connect(2))
    received = bench.send(limit(1, "230.00", tif="IOC"))
    assert story(received)[2:3] == ["ExecutionData"]
    assert story(received)[-2:] == ["OrderStatus PendingCancel", "OrderStatus Cancelled"]
    assert only(OrderStatus, received)[-1].filled == 30


def test_a_rejected_order_is_inactive_first_and_201_after(bench: Bench) -> None:
    received = bench.place(1, total_quantity=1_000_000)
    assert story(received) == ["OpenOrder Inactive", "OrderStatus Inactive", "ErrMsg 201"]
    assert only(ErrMsg, received)[0].req_id == 1


def test_a_refused_order_gets_its_error_and_nothing_else(bench: Bench) -> None:
    assert story(bench.send(limit(1, "200.001"))) == ["ErrMsg 110"]


def test_a_modification_is_published_with_the_new_terms(bench: Bench) -> None:
    bench.send(limit(1, "200.00"))
    received = bench.send(limit(1, "201.00"))
    assert story(received) == ["OpenOrder Submitted", "OrderStatus Submitted"]
    assert only(OpenOrder, received)[0].order.lmt_price == 201


def test_a_modification_that_trades_is_published_before_its_execution(bench: Bench) -> None:
    bench.send(limit(1, "200.00"))
    received = story(bench.send(limit(1, "240.00")))
    assert received[:3] == ["OpenOrder Submitted", "OrderStatus Submitted", "ExecutionData"]
    assert received[3:] == FILLED


def test_an_expired_order_ends_like_a_cancelled_one(bench: Bench) -> None:
    bench.send(limit(1, "200.00"))
    bench.gateway._day_end.expire_all()  # its market closes; at midnight it would be listed no more
    assert story(bench.received()) == ["OrderStatus PendingCancel", "OrderStatus Cancelled", "ErrMsg 202"]
    (done,) = only(CompletedOrder, bench.send(requests.ReqCompletedOrders()))
    assert (done.state.status, done.state.completed_status) == ("Cancelled", "Expired")


def test_listed_executions_come_with_commissions_before_the_end(bench: Bench) -> None:
    bench.place(1)
    bench.place(2)
    received = story(bench.send(requests.ReqExecutions(req_id=7)))
    assert received == ["ExecutionData", "CommissionReport"] * 2 + ["ExecutionDataEnd"]


def test_a_gtc_order_can_be_cancelled_after_a_reconnect() -> None:
    bench = Bench()
    first = connected(bench)
    first.receive(frame(178, limit(1, "200.00", tif="GTC")))
    first.end("gone")
    again: Session = connected(bench)
    again.receive(frame(178, requests.ReqOpenOrders()))
    assert [fields[0] for fields in received(again)] == ["5", "3", "53"]
    again.receive(frame(178, requests.CancelOrder(order_id=1)))
    assert [fields[0] for fields in received(again)] == ["3", "3", "4"]


def test_anothers_order_is_seen_by_all_open_orders_only(bench: Bench) -> None:
    bench.send(limit(1, "200.00"))
    other = bench.connect(2)
    assert story(bench.send(requests.ReqOpenOrders(), other)) == ["OpenOrderEnd"]
    assert story(bench.send(requests.ReqAllOpenOrders(), other)) == [
        *("OpenOrder Submitted", "OrderStatus Submitted", "OpenOrderEnd"),
    ]
    assert errors(bench.cancel(1, other)) == [10147]


def test_after_a_reconnect_missed_messages_are_not_sent_unasked(bench: Bench) -> None:
    bench.send(limit(1, "220.00"))
    bench.gateway.leave(bench.link)
    bench.move("215.00")
    assert bench.gateway.exchange.working(AAPL, next(iter(bench.gateway.state.orders))) == 0
    again = bench.connect(1)
    assert bench.received(again) == []
    assert len(only(ExecutionData, bench.send(requests.ReqExecutions(req_id=1), again))) == 1
