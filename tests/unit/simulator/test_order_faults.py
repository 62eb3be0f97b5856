"""What each kind of fault does to orders and executions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from tests.unit.simulator.kit import (
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
