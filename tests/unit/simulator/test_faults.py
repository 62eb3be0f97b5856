"""What each kind of fault does to requests and callbacks, to the day, the ids and the accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from brokers.simulator.wire.order_reports import CompletedOrder
from tests.unit.simulator.kit import (
    CANCELED,
    WORKING,
    Bench,
    arm,
    errors,
    executions,
    limit,
    only,
    rest,
    story,
    wait,
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- requests ----------------------------------------------------------------------------------------


def test_a_request_is_never_answered(bench: Bench) -> None:
    arm(bench, "drop_request", message="reqOpenOrders")
    assert bench.send(requests.ReqCurrentTime())
    assert bench.send(requests.ReqOpenOrders()) == []
    assert story(bench.send(requests.ReqOpenOrders())) == ["OpenOrderEnd"]


def test_a_late_request_is_overtaken_by_the_next(bench: Bench) -> None:
    arm(bench, "late_request", message="placeOrder", delay_ms=500)
    assert rest(bench, 1) == []
    assert story(bench.send(requests.ReqCurrentTime())) == ["CurrentTime"]
    assert story(wait(bench, 500))[:4] == WORKING


@pytest.mark.parametrize(("where", "orders"), [("before", 0), ("middle", 0), ("after", 1)])
def test_the_link_is_cut_around_a_request(bench: Bench, where: Any, orders: int) -> None:
    arm(bench, "cut_in", message="placeOrder", where=where)
    assert rest(bench) == []
    assert bench.link.closing
    assert len(bench.gateway.state.orders) == orders


def test_a_refused_cancel_leaves_the_order_working(bench: Bench) -> None:
    rest(bench)
    arm(bench, "cancel_reject")
    assert errors(bench.cancel(1)) == [161]
    assert len(bench.gateway.state.open) == 1
    assert story(bench.cancel(1)) == CANCELED


@pytest.mark.parametrize("code", [136, 10147, 10148])
def test_a_cancel_may_be_refused_with_any_code(bench: Bench, code: int) -> None:
    rest(bench)
    arm(bench, "cancel_reject", code=code)
    assert errors(bench.cancel(1)) == [code]


def test_a_refused_modification_leaves_the_terms(bench: Bench) -> None:
    rest(bench)
    arm(bench, "modify_reject", code=201, text="Order rejected - reason:not now")
    (error,) = only(responses.ErrMsg, bench.send(limit(1, "201.00")))
    assert (error.code, error.text) == (201, "Order rejected - reason:not now")
    (record,) = bench.gateway.state.orders.values()
    assert (record.order.lmt_price, record.place_count, record.modifications) == (Decimal("200.00"), 2, 0)


def test_a_new_order_is_no_modification(bench: Bench) -> None:
    arm(bench, "modify_reject")
    assert story(rest(bench)) == WORKING


def test_a_cancel_comes_after_the_fill(bench: Bench) -> None:
    rest(bench)
    arm(bench, "fill_on_cancel")
    received = bench.cancel(1)
    assert "OrderStatus Filled" in story(received)
    (error,) = only(responses.ErrMsg, received)
    assert error.code == 10148
    assert error.text.endswith("state: Filled.")


def test_a_cancel_that_is_under_way_is_answered_so_until_it_ends(bench: Bench) -> None:
    rest(bench)
    arm(bench, "cancel_pending", delay_ms=200)
    for answer in (bench.cancel(1), bench.cancel(1)):
        (error,) = only(responses.ErrMsg, answer)
        assert (error.code, error.text.rpartition("state: ")[2]) == (10148, "PendingCancel.")
    assert "OrderStatus Cancelled" in story(bench.step(3))


def test_a_cancel_that_is_under_way_ends_when_all_is_healed(bench: Bench) -> None:
    rest(bench)
    arm(bench, "cancel_pending", delay_ms=60_000)
    bench.cancel(1)
    bench.gateway.heal()
    assert "OrderStatus Cancelled" in story(bench.step(1))


def test_a_placeorder_may_be_refused_without_an_order(bench: Bench) -> None:
    arm(bench, "refuse_place")
    assert story(rest(bench)) == ["ErrMsg 10289"]
    assert not bench.gateway.state.orders


def test_a_cancel_comes_after_a_part_of_the_fill(bench: Bench) -> None:
    rest(bench)
    arm(bench, "fill_on_cancel", fraction=0.4)
    received = bench.cancel(1)
    assert [fill.execution.shares for fill in only(responses.ExecutionData, received)] == [40]
    last = only(responses.OrderStatus, received)[-1]
    assert (last.status, last.filled, last.remaining) == ("Cancelled", 40, 60)


def test_a_fill_comes_after_the_confirmed_cancel(bench: Bench) -> None:
    rest(bench)
    arm(bench, "fill_after_cancel", delay_ms=300)
    assert story(bench.cancel(1)) == CANCELED
    received = wait(bench, 300)
    assert story(received)[0] == "ExecutionData"
    assert "OrderStatus Filled" in story(received)
    assert bench.gateway.state.accounts["DU1234567"].positions[265598].quantity == 100


def test_a_part_is_filled_after_the_confirmed_cancel(bench: Bench) -> None:
    rest(bench)
    arm(bench, "fill_after_cancel", fraction=0.3)
    bench.cancel(1)
    (record,) = bench.gateway.state.orders.values()
    wait(bench, 50)
    assert (record.status, record.filled) == ("Cancelled", 30)


@pytest.mark.parametrize("code", [10349, 399, 2109, 202, 161, 10147, 10148])
def test_a_notice_like_a_rejection_leaves_the_order_alone(bench: Bench, code: int) -> None:
    arm(bench, "order_notice", code=code)
    assert story(rest(bench)) == [f"ErrMsg {code}", *WORKING]


def test_a_notice_may_follow_with_a_code_that_nobody_knows(bench: Bench) -> None:
    arm(bench, "order_notice", code=10999, text="news", where="after", delay_ms=100)
    assert story(rest(bench)) == WORKING
    (notice,) = only(responses.ErrMsg, wait(bench, 100))
    assert (notice.req_id, notice.code, notice.text) == (1, 10999, "news")


def test_a_cancel_may_bring_a_notice_too(bench: Bench) -> None:
    rest(bench)
    arm(bench, "order_notice", code=10147, message="cancelOrder", where="after")
    assert story(bench.cancel(1)) == [*CANCELED, "ErrMsg 10147"]


# -- callbacks ---------------------------------------------------------------------------------------


def test_a_callback_is_missing(bench: Bench) -> None:
    arm(bench, "drop_callback", message="orderStatus", count=2)
    assert story(rest(bench)) == ["OpenOrder PreSubmitted", "OpenOrder Submitted"]


def test_the_end_of_a_list_is_missing(bench: Bench) -> None:
    arm(bench, "drop_callback", message="execDetailsEnd")
    assert bench.send(requests.ReqExecutions(req_id=1)) == []


def test_a_callback_comes_twice(bench: Bench) -> None:
    arm(bench, "duplicate_callback", message="execDetails")
    first, second = only(responses.ExecutionData, bench.place(1))
    assert first == second
    assert len(executions(bench)) == 1


def test_a_callback_comes_again_later(bench: Bench) -> None:
    arm(bench, "duplicate_callback", message="commissionReport", delay_ms=200)
    assert len(only(responses.CommissionReport, bench.place(1))) == 1
    assert story(wait(bench, 200)) == ["CommissionReport"]


def test_a_callback_comes_behind_the_others(bench: Bench) -> None:
    arm(bench, "reorder_callback", message="execDetails")
    received = story(bench.place(1))
    assert received[-1] == "ExecutionData"
    assert "CommissionReport" in received


def test_the_last_callback_comes_first_when_it_is_moved(bench: Bench) -> None:
    arm(bench, "reorder_callback", message="commissionReport")
    assert story(bench.place(1))[0] == "CommissionReport"


def test_a_late_callback_is_overtaken(bench: Bench) -> None:
    arm(bench, "late_callback", message="openOrder", delay_ms=400)
    assert story(rest(bench)) == WORKING[1:]
    assert story(wait(bench, 399)) == []
    assert story(wait(bench, 1)) == WORKING[:1]


def test_the_fill_comes_before_any_word_of_its_order(bench: Bench) -> None:
    arm(bench, "fill_before_ack")
    assert story(bench.place(1))[:2] == ["ExecutionData", "OpenOrder PreSubmitted"]
    assert story(bench.place(2))[0] == "OpenOrder PreSubmitted"


def test_callbacks_are_chosen_by_their_order_and_listener(bench: Bench) -> None:
    arm(bench, "drop_callback", message="openOrder", order_ref="desk-1", count="always")
    arm(bench, "drop_callback", message="orderStatus", client_id=2, count="always")
    assert story(rest(bench, 1, order_ref="desk-1")) == [WORKING[1], WORKING[3]]
    assert story(rest(bench, 2, order_ref="desk-2")) == WORKING


@pytest.mark.parametrize(
    ("where", "received", "torn"), [("before", 1, False), ("middle", 1, True), ("after", 2, False)]
)
def test_the_link_is_cut_around_a_callback(bench: Bench, where: Any, received: int, torn: bool) -> None:
    arm(bench, "cut_out", message="orderStatus", where=where)
    assert story(rest(bench)) == WORKING[:received]
    assert bench.link.closing
    assert isinstance(bench.link.torn, responses.OrderStatus) == torn


# -- the day, the ids, the accounts ------------------------------------------------------------------


def test_at_midnight_day_orders_expire_and_executions_are_listed_no_more(bench: Bench) -> None:
    bench.place(1)
    rest(bench, 2)
    rest(bench, 3, tif="GTC")
    bench.step()
    bench.gateway.end_day()
    assert "OrderStatus Cancelled" in story(bench.received())
    assert executions(bench) == []
    assert only(CompletedOrder, bench.send(requests.ReqCompletedOrders())) == []  # those of its own day only
    assert len(bench.gateway.state.open) == 1
    bench.step()
    bench.place(4)
    assert len(executions(bench)) == 1


def test_order_ids_begin_at_one_again_but_open_orders_keep_theirs(bench: Bench) -> None:
    bench.place(1)
    rest(bench, 2)
    bench.gateway.forget_order_ids()
    assert bench.send(requests.ReqIds()) == [responses.NextValidId(order_id=1)]
    assert "OrderStatus Filled" in story(bench.place(1))
    assert len(bench.gateway.state.orders) == 3
    assert story(bench.cancel(2)) == CANCELED


def test_positions_and_values_lag(bench: Bench) -> None:
    bench.send(requests.ReqPositions())
    bench.gateway.reported.set_lag(2.0)
    assert not only(responses.PositionData, bench.place(1))
    assert not only(responses.PositionData, bench.send(requests.ReqPositions()))
    (received,) = only(responses.PositionData, wait(bench, 2000))
    assert received.position == 100


def test_lagging_trades_are_reported_when_the_lag_ends(bench: Bench) -> None:
    bench.send(requests.ReqPositions())
    bench.gateway.reported.set_lag(60.0)
    bench.place(1)
    bench.gateway.reported.set_lag(0)
    assert [row.position for row in only(responses.PositionData, bench.received())] == [100]


@pytest.mark.parametrize("kept", [True, False])
def test_orders_of_an_outage_are_held_or_dropped(bench: Bench, kept: bool) -> None:
    bench.gateway.uplink.lose(2110, keeps_orders=kept)
    assert errors(bench.received()) == [2110]
    assert rest(bench) == []
    bench.gateway.uplink.restore()
    assert story(bench.received()) == ["ErrMsg 1102", *(WORKING if kept else [])]
