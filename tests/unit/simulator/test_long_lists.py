"""A long list is sent slice by slice; whoever else has something to ask is answered in between."""

from __future__ import annotations

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import (
    CompletedOrdersEnd,
    CurrentTime,
    ExecutionData,
    ExecutionDataEnd,
    OpenOrderEnd,
    OrderStatus,
)
from tests.unit.simulator.kit import Bench, limit, only

MANY = 300


def bench_with_many() -> Bench:
    bench = Bench()
    for number in range(1, MANY + 1):
        bench.send(limit(number, "100.00", tif="GTC", total_quantity=1))
    return bench


def rest_of_it(bench: Bench, link: Link) -> list[Record]:
    """Let the link go on until nothing is left, as the shell does turn by turn."""
    received: list[Record] = []
    while link.may_go_on:
        link.go_on()
        received += bench.received(link)
    return received


def test_another_client_is_answered_before_the_list_has_ended() -> None:
    bench = bench_with_many()
    other = bench.connect(2)
    begun = bench.send(requests.ReqAllOpenOrders())
    assert only(OpenOrder, begun)
    assert not only(OpenOrderEnd, begun)
    assert only(CurrentTime, bench.send(requests.ReqCurrentTime(), other))
    received = begun + rest_of_it(bench, bench.link)
    assert [message.order_id for message in only(OpenOrder, received)] == list(range(1, MANY + 1))
    assert received[-1] == OpenOrderEnd()


def test_an_order_that_ends_before_its_turn_is_not_listed() -> None:
    bench = bench_with_many()
    received = bench.send(requests.ReqOpenOrders())
    ended = bench.cancel(MANY)
    assert [status.status for status in only(OrderStatus, ended)] == ["PendingCancel", "Cancelled"]
    received += rest_of_it(bench, bench.link)
    assert [message.order_id for message in only(OpenOrder, received)] == list(range(1, MANY))


def test_two_lists_come_one_after_the_other() -> None:
    bench = bench_with_many()
    received = bench.send(requests.ReqOpenOrders()) + bench.send(requests.ReqCompletedOrders())
    received += rest_of_it(bench, bench.link)
    assert [type(message) for message in received[-2:]] == [OpenOrderEnd, CompletedOrdersEnd]


def test_executions_and_completed_orders_are_sent_in_slices_too() -> None:
    bench = Bench()
    for number in range(1, MANY + 1):
        bench.place(number, total_quantity=1, action="BUY" if number % 2 else "SELL")
    for question, end, kind in (
        (requests.ReqExecutions(req_id=9), ExecutionDataEnd, ExecutionData),
        (requests.ReqCompletedOrders(), CompletedOrdersEnd, CompletedOrder),
    ):
        begun = bench.send(question)
        assert not only(end, begun)
        assert len(only(kind, begun + rest_of_it(bench, bench.link))) == MANY


def test_a_client_that_does_not_read_gets_no_further_slice() -> None:
    bench = bench_with_many()
    bench.send(requests.ReqOpenOrders())
    bench.link.is_full = True
    assert not bench.link.may_go_on
    bench.link.is_full = False
    assert only(OpenOrderEnd, rest_of_it(bench, bench.link))


def test_a_list_ends_even_if_everything_was_forgotten_on_the_way() -> None:
    bench = bench_with_many()
    begun = len(only(OpenOrder, bench.send(requests.ReqAllOpenOrders())))
    bench.gateway.reset()
    received = rest_of_it(bench, bench.link)
    assert begun < MANY
    assert received == [OpenOrderEnd()]
