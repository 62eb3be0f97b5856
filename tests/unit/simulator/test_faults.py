"""What each kind of fault does to requests, callbacks, orders and executions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.faults.fault import Fault
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from brokers.simulator.wire.order_reports import CompletedOrder
from brokers.simulator.wire.records import Record
from tests.unit.simulator.kit import Bench, errors, limit, only, story

WORKING = [
    "OpenOrder PreSubmitted",
    "OrderStatus PreSubmitted",
    "OpenOrder Submitted",
    "OrderStatus Submitted",
]
CANCELED = ["OrderStatus PendingCancel", "OrderStatus Cancelled", "ErrMsg 202"]


def arm(bench: Bench, kind: str, **fields: Any) -> None:
    bench.gateway.faults.add(Fault(kind=kind, **fields))


def rest(bench: Bench, order_id: int = 1, **terms: Any) -> list[Record]:
    """Place an order that nobody wants to trade with."""
    return bench.send(limit(order_id, "200.00", **terms))


def wait(bench: Bench, milliseconds: int) -> list[Record]:
    return bench.skip(timedelta(milliseconds=milliseconds))


def executions(bench: Bench) -> list[responses.ExecutionData]:
    return only(responses.ExecutionData, bench.send(requests.ReqExecutions(req_id=1)))


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


# -- orders ------------------------------------------------------------------------------------------


def test_an_order_is_rejected_with_any_code_and_status(bench: Bench) -> None:
    arm(bench, "reject", code=203, status="Cancelled", reason="not allowed", side="SELL")
    assert story(rest(bench)) == WORKING
    received = bench.send(limit(2, "300.00", action="SELL"))
    assert story(received) == ["OpenOrder Cancelled", "OrderStatus Cancelled", "ErrMsg 203"]


def test_an_order_is_rejected_after_it_was_taken(bench: Bench) -> None:
    arm(bench, "reject", delay_ms=250)
    assert story(rest(bench)) == WORKING
    assert story(wait(bench, 250)) == ["OpenOrder Inactive", "OrderStatus Inactive", "ErrMsg 201"]
    assert not bench.gateway.exchange.has(265598, next(iter(bench.gateway.state.orders)))
    assert bench.move("150.00") == []


@pytest.mark.parametrize(("code", "codes"), [(None, []), (461, [461])])
def test_an_order_is_inactive_with_or_without_a_word(
    bench: Bench, code: int | None, codes: list[int]
) -> None:
    arm(bench, "inactive", code=code)
    received = rest(bench)
    assert story(received)[:2] == ["OpenOrder Inactive", "OrderStatus Inactive"]
    assert errors(received) == codes


def test_an_inactive_order_may_work_after_all(bench: Bench) -> None:
    arm(bench, "inactive", code=461, revives_ms=1_000)
    assert story(rest(bench)) == ["OpenOrder Inactive", "OrderStatus Inactive", "ErrMsg 461"]
    assert story(bench.send(requests.ReqOpenOrders()))[0] == "OpenOrder Inactive"
    assert only(responses.OrderStatus, wait(bench, 500)) == []
    assert story(wait(bench, 600)) == WORKING
    assert "OrderStatus Filled" in story(bench.move("150.00"))


def test_an_inactive_order_that_would_revive_can_be_canceled(bench: Bench) -> None:
    arm(bench, "inactive", revives_ms=1_000)
    rest(bench)
    assert story(bench.cancel(1))[-2:] == ["OrderStatus Cancelled", "ErrMsg 202"]
    assert wait(bench, 2_000) == []


def test_a_working_order_may_be_inactive_for_a_while(bench: Bench) -> None:
    arm(bench, "inactive", delay_ms=100, revives_ms=1_000)
    assert story(rest(bench)) == WORKING
    assert story(wait(bench, 100)) == ["OpenOrder Inactive", "OrderStatus Inactive"]
    assert bench.move("229.00") == []
    assert story(wait(bench, 1_000)) == WORKING


# -- executions --------------------------------------------------------------------------------------


def test_an_execution_is_corrected_under_the_next_version_of_its_id(bench: Bench) -> None:
    arm(bench, "correct_execution", price_change=Decimal("0.05"), delay_ms=100)
    (first,) = only(responses.ExecutionData, bench.place(1))
    received = wait(bench, 100)
    (second,) = only(responses.ExecutionData, received)
    assert second.execution.exec_id == first.execution.exec_id[:-2] + "02"
    assert second.execution.price - first.execution.price == Decimal("0.05")
    assert only(responses.OrderStatus, received)[-1].avg_fill_price == second.execution.price
    assert [fill.execution.exec_id[-2:] for fill in executions(bench)] == ["01", "02"]


def test_a_correction_is_booked_in_cash_and_position(bench: Bench) -> None:
    account = bench.gateway.state.accounts["DU1234567"]
    arm(bench, "correct_execution", price_change=Decimal(1), delay_ms=10)
    bench.place(1)
    before = account.cash["USD"]
    wait(bench, 10)
    assert account.cash["USD"] - before == -100
    assert account.positions[265598].quantity == 100


def test_a_bust_takes_the_trade_back(bench: Bench) -> None:
    account = bench.gateway.state.accounts["DU1234567"]
    before = account.cash["USD"]
    arm(bench, "bust_execution", delay_ms=10)
    bench.place(1)
    received = wait(bench, 10)
    (bust,) = only(responses.ExecutionData, received)
    assert (bust.execution.exec_id[-2:], bust.execution.shares, bust.execution.cum_qty) == ("02", 0, 0)
    assert (account.cash["USD"], account.positions[265598].quantity) == (before, 0)
    last = only(responses.OrderStatus, received)[-1]
    assert (last.status, last.filled, last.remaining) == ("Cancelled", 0, 100)


def test_what_a_bust_takes_from_a_working_order_is_worked_again(bench: Bench) -> None:
    other = bench.connect(2)
    bench.send(limit(1, "230.00", total_quantity=100))
    arm(bench, "bust_execution", side="BUY")
    bench.send(limit(1, "230.00", action="SELL", total_quantity=40), other)
    wait(bench, 1)
    (order,) = [record for record in bench.gateway.state.orders.values() if record.order.action == "BUY"]
    assert (order.status, order.filled) == ("Submitted", 0)
    assert bench.gateway.exchange.working(265598, order.perm_id) == 100


def test_a_second_correction_is_the_third_version(bench: Bench) -> None:
    arm(bench, "correct_execution", delay_ms=100, count=1)
    arm(bench, "bust_execution", delay_ms=200)
    bench.place(1)
    wait(bench, 100)
    (bust,) = only(responses.ExecutionData, wait(bench, 100))
    assert bust.execution.exec_id.endswith(".03")


def test_nothing_brings_a_busted_trade_back(bench: Bench) -> None:
    arm(bench, "bust_execution")
    arm(bench, "correct_execution", delay_ms=100)
    bench.place(1)
    assert wait(bench, 100) == []
    (record,) = bench.gateway.state.orders.values()
    assert (record.status, record.filled) == ("Cancelled", 0)


def test_a_correction_may_fill_what_was_cancelled(bench: Bench) -> None:
    other = bench.connect(2)
    bench.send(limit(1, "230.00"))
    arm(bench, "correct_execution", shares_change=Decimal(60), delay_ms=100, side="BUY")
    bench.send(limit(1, "230.00", action="SELL", total_quantity=40), other)
    bench.cancel(1)
    assert only(responses.OrderStatus, wait(bench, 100))[-1].status == "Filled"


@pytest.mark.parametrize("kind", ["bust_execution", "correct_execution"])
def test_what_is_shared_among_accounts_is_spared(kind: str) -> None:
    bench = Bench(accounts=("DU1", "DU2"), advisor="DF1")
    arm(bench, kind, count="always")
    bench.place(1, fa_group="AllClients", fa_method="EqualQuantity", total_quantity=100)
    wait(bench, 1)
    assert {fact.exec_id[-2:] for fact in bench.gateway.state.executions} == {"01"}


def test_a_commission_comes_late(bench: Bench) -> None:
    arm(bench, "late_commission", delay_ms=1000)
    received = story(bench.place(1))
    assert not {"CommissionReport", "OpenOrder Filled commission"} & set(received)
    assert not only(responses.CommissionReport, bench.send(requests.ReqExecutions(req_id=1)))
    assert {"CommissionReport", "OpenOrder Filled commission"} <= set(story(wait(bench, 1000)))
    assert only(responses.CommissionReport, bench.send(requests.ReqExecutions(req_id=1)))


def test_a_commission_never_comes(bench: Bench) -> None:
    arm(bench, "no_commission")
    assert "CommissionReport" not in story(bench.place(1))
    assert not only(responses.CommissionReport, bench.send(requests.ReqExecutions(req_id=1)))
    assert "CommissionReport" in story(bench.place(2))


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
