"""Client 0 and orders made by hand; the master client."""

from __future__ import annotations

from decimal import Decimal

import pytest

from brokers.simulator.gateway.orders.manual import ManualOrder
from brokers.simulator.gateway.texts.refusals import Refused
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.server import ExecutionData, OrderStatus
from tests.unit.simulator.kit import Bench, errors, limit, only, story

BY_HAND = ManualOrder(
    symbol="AAPL", action="BUY", total_quantity=Decimal(10), order_type="LMT", lmt_price=Decimal(200)
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def order_ids(messages: list[object]) -> list[int]:
    return [m.order_id for m in messages if isinstance(m, OpenOrder)]


def test_an_unbound_manual_order_is_listed_as_order_0(bench: Bench) -> None:
    bench.gateway.place_manual(BY_HAND)
    (shown,) = only(OpenOrder, bench.send(requests.ReqAllOpenOrders()))
    assert (shown.order_id, shown.order.client_id) == (0, 0)
    assert story(bench.send(requests.ReqOpenOrders())) == ["OpenOrderEnd"]


def test_listing_its_open_orders_binds_them_to_client_0(bench: Bench) -> None:
    bench.gateway.place_manual(BY_HAND)
    bench.gateway.place_manual(BY_HAND)
    zero = bench.connect(0)
    assert order_ids([*bench.send(requests.ReqOpenOrders(), zero)]) == [-1, -2]
    assert errors(bench.cancel(-2, zero)) == [202]


def test_auto_open_orders_binds_those_of_the_future(bench: Bench) -> None:
    zero = bench.connect(0)
    bench.send(requests.ReqAutoOpenOrders(auto_bind=True), zero)
    bench.gateway.place_manual(BY_HAND)
    assert order_ids([*bench.received(zero)])[-1] == -1


def test_only_client_0_may_bind(bench: Bench) -> None:
    assert errors(bench.send(requests.ReqAutoOpenOrders(auto_bind=True))) == [327]


def test_client_0_alone_receives_manual_fills(bench: Bench) -> None:
    zero = bench.connect(0)
    bench.gateway.place_manual(ManualOrder(symbol="AAPL", action="BUY", total_quantity=Decimal(10)))
    assert only(ExecutionData, bench.received(zero))
    assert bench.received() == []


@pytest.mark.parametrize(("api_only", "count"), [(True, 1), (False, 2)])
def test_completed_orders_of_the_api_alone_are_none_made_by_hand(
    bench: Bench, api_only: bool, count: int
) -> None:
    bench.gateway.place_manual(ManualOrder(symbol="AAPL", action="BUY", total_quantity=Decimal(10)))
    bench.place(1)
    listed = bench.send(requests.ReqCompletedOrders(api_only=api_only))
    assert len(only(CompletedOrder, listed)) == count


def test_a_global_cancel_takes_manual_orders_too(bench: Bench) -> None:
    record = bench.gateway.place_manual(BY_HAND)
    bench.send(requests.ReqGlobalCancel())
    assert record.status.value == "Cancelled"


def test_a_manual_order_that_cannot_be_worked_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused):
        bench.gateway.place_manual(ManualOrder(symbol="NOPE", action="BUY", total_quantity=Decimal(1)))


def test_bound_ids_survive_a_restart(bench: Bench) -> None:
    bench.gateway.place_manual(BY_HAND)
    bench.send(requests.ReqOpenOrders(), bench.connect(0))
    again = Bench()
    for fact in bench.facts:
        again.gateway.state.apply(fact)
    assert again.gateway.state.order(0, -1) is not None


def test_the_master_client_receives_everybodys_orders_and_cancels_none() -> None:
    bench = Bench(master_client_id=9)
    master = bench.connect(9)
    bench.send(limit(1, "200"))
    assert only(OrderStatus, bench.received(master))
    assert errors(bench.cancel(1, master)) == [10147]
