"""A gateway as unkind as real ones: its own day, another login, empty lists, a clock that is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from tests.unit.simulator.kit import Bench

HOUR = timedelta(hours=1)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.place(1, order_type="LMT", lmt_price="1.00")
    bench.place(2)
    return bench


def lists(bench: Bench) -> tuple[int, int, int]:
    """How many open orders, completed orders and executions are listed."""
    asked: list[Any] = [
        requests.ReqAllOpenOrders(),
        requests.ReqCompletedOrders(api_only=0),
        requests.ReqExecutions(req_id=9),
    ]
    kinds = ("OpenOrder", "CompletedOrder", "ExecutionData")
    answers = [[type(row).__name__ for row in bench.send(message)] for message in asked]
    open_, completed, executed = (rows.count(kind) for rows, kind in zip(answers, kinds, strict=True))
    return open_, completed, executed


def named(bench: Bench) -> str:
    (answer,) = bench.send(requests.ReqManagedAccts())
    assert isinstance(answer, responses.ManagedAccts)
    return answer.accounts


def test_completed_orders_are_of_the_gateways_own_day_only(bench: Bench) -> None:
    assert lists(bench) == (1, 1, 1)
    bench.gateway.home.become("GMT+11:30", bench.gateway.home.form)  # its midnight is in half an hour
    assert lists(bench) == (1, 1, 1)
    bench.now += HOUR
    assert lists(bench) == (1, 0, 0)


def test_the_end_of_a_day_takes_its_completed_orders_along(bench: Bench) -> None:
    bench.now += timedelta(seconds=1)
    bench.gateway.end_day()
    assert lists(bench) == (0, 0, 0)


def test_lists_are_empty_for_a_while_after_a_login_and_positions_are_not(bench: Bench) -> None:
    bench.gateway.lists.empty_after_login = 5.0
    bench.link = bench.connect(2)
    assert lists(bench) == (0, 0, 0)
    assert any(isinstance(row, responses.PositionData) for row in bench.send(requests.ReqPositions()))
    bench.now += timedelta(seconds=5)
    assert lists(bench) == (1, 1, 1)


def test_another_login_names_and_shows_its_own_accounts_only(bench: Bench) -> None:
    bench.gateway.log_in(("DU7777777",))
    assert (named(bench), lists(bench)) == ("DU7777777", (0, 0, 0))
    assert not any(isinstance(row, responses.PositionData) for row in bench.send(requests.ReqPositions()))
    bench.gateway.log_in(())
    assert (named(bench), lists(bench)) == ("DU1234567", (1, 1, 1))


def test_another_login_refuses_orders_for_accounts_that_are_not_its_own(bench: Bench) -> None:
    bench.gateway.log_in(("DU7777777",))
    answers = bench.place(3, account="DU1234567")
    assert [row.code for row in answers if isinstance(row, responses.ErrMsg)] == [321]


def test_a_gateway_may_have_a_clock_of_its_own(bench: Bench) -> None:
    bench.gateway.clock.offset = 30.0
    (answer,) = bench.send(requests.ReqCurrentTime())
    assert isinstance(answer, responses.CurrentTime)
    assert answer.epoch_seconds == int(bench.now.timestamp()) + 30
