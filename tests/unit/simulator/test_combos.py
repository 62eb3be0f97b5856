"""Combinations: one execution for the whole and one for each leg, positions in the legs only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.records import ComboLeg, Contract, Record
from brokers.simulator.wire.server import CommissionReport, ExecutionData, OrderStatus
from tests.unit.simulator.kit import UNIVERSE, Bench, errors, only, story

#: Thin markets, so that a combination can be larger than what they offer.
NEAR, FAR = (
    msgspec.structs.replace(found, quote_size=Decimal(10))
    for found in UNIVERSE.instruments.values()
    if found.local_symbol in ("ESZ6", "ESH7")
)
THIN = Universe([*(UNIVERSE.instruments | {NEAR.con_id: NEAR, FAR.con_id: FAR}).values()], UNIVERSE.rates)


@pytest.fixture
def bench() -> Bench:
    return Bench(universe=THIN)


def spread(*legs: tuple[int, str, int]) -> Contract:
    parts = tuple(
        ComboLeg(con_id=con_id, action=action, ratio=ratio, exchange="CME") for con_id, action, ratio in legs
    )
    return Contract(symbol="ES", sec_type="BAG", currency="USD", exchange="CME", combo_legs=parts)


CALENDAR = spread((NEAR.con_id, "SELL", 1), (FAR.con_id, "BUY", 1))


def calendar(bench: Bench, order_id: int = 1, **terms: Any) -> list[Record]:
    return bench.place(order_id, **{"contract": CALENDAR, "total_quantity": 2, **terms})


def net(bench: Bench) -> Decimal:
    """What buying the calendar costs now: buy the far month, sell the near one."""
    near, far = (bench.gateway.exchange.market(leg.con_id).book for leg in (NEAR, FAR))
    assert far.ask is not None
    assert near.bid is not None
    return far.ask - near.bid


def offered(bench: Bench) -> Decimal:
    near, far = (bench.gateway.exchange.market(leg.con_id).book for leg in (NEAR, FAR))
    return min(near.quantity_at(Side.BUY, near.bid), far.quantity_at(Side.SELL, far.ask))


def account(bench: Bench) -> Account:
    (found,) = bench.gateway.state.accounts.values()
    return found


def test_a_combination_is_executed_as_a_whole_and_leg_by_leg(bench: Bench) -> None:
    price = net(bench)
    fills = only(ExecutionData, calendar(bench))
    assert [(m.contract.sec_type, m.execution.side) for m in fills] == [
        ("BAG", "BOT"),
        ("FUT", "SLD"),
        ("FUT", "BOT"),
    ]
    assert fills[0].execution.price == price
    assert [m.execution.shares for m in fills] == [2, 2, 2]


def test_its_events_come_in_the_order_of_any_order(bench: Bench) -> None:
    received = story(calendar(bench))
    assert received[:2] == ["OpenOrder PreSubmitted", "OrderStatus PreSubmitted"]
    assert received[2:5] == ["ExecutionData"] * 3
    assert received[5] == "OpenOrder Filled"
    assert received[-3:] == ["CommissionReport"] * 3


def test_every_execution_has_a_commission_report_and_legs_pay(bench: Bench) -> None:
    received = calendar(bench)
    reports = {m.exec_id: m.commission for m in only(CommissionReport, received)}
    assert [reports[m.execution.exec_id] for m in only(ExecutionData, received)] == [
        0,
        Decimal("4.5"),
        Decimal("4.5"),
    ]


def test_positions_are_in_the_legs_only(bench: Bench) -> None:
    calendar(bench)
    held = {con_id: position.quantity for con_id, position in account(bench).positions.items()}
    assert held == {NEAR.con_id: -2, FAR.con_id: 2}


def test_a_combination_limit_rests_until_the_legs_reach_it(bench: Bench) -> None:
    wanted = net(bench) - 10
    received = calendar(bench, order_type="LMT", lmt_price=wanted)
    assert only(OrderStatus, received)[-1].status == "Submitted"
    bench.gateway._orders.on_market_events(bench.gateway.exchange.move(FAR, FAR.price - 20))
    assert only(OrderStatus, bench.received())[-1].status == "Filled"


def test_a_combination_may_be_bought_for_a_credit(bench: Bench) -> None:
    credit = spread((NEAR.con_id, "BUY", 1), (FAR.con_id, "SELL", 1))
    received = bench.place(1, contract=credit, order_type="LMT", lmt_price="-40", total_quantity=1)
    (whole, *_) = only(ExecutionData, received)
    assert whole.execution.price is not None
    assert whole.execution.price <= -40


def test_a_large_combination_takes_the_best_quotes_and_waits(bench: Bench) -> None:
    there = offered(bench)
    received = calendar(bench, order_type="LMT", lmt_price=net(bench), total_quantity=there + 1)
    status = only(OrderStatus, received)[-1]
    assert (status.status, status.filled, status.remaining) == ("Submitted", there, 1)


def test_fok_takes_all_or_nothing(bench: Bench) -> None:
    received = calendar(
        bench, order_type="LMT", lmt_price=net(bench), total_quantity=offered(bench) + 1, tif="FOK"
    )
    assert only(OrderStatus, received)[-1].status == "Inactive"
    assert not account(bench).positions


def test_ratios_multiply_the_legs(bench: Bench) -> None:
    butterfly = spread((NEAR.con_id, "BUY", 1), (FAR.con_id, "SELL", 2))
    received = bench.place(1, contract=butterfly, total_quantity=3)
    assert [m.execution.shares for m in only(ExecutionData, received)] == [3, 3, 6]


def test_the_legs_are_echoed_and_a_restart_knows_them(bench: Bench) -> None:
    received = calendar(bench, order_type="LMT", lmt_price=net(bench) - 10)
    assert only(OpenOrder, received)[0].contract.combo_legs == CALENDAR.combo_legs
    again = Bench(universe=THIN)
    for fact in bench.facts:
        again.gateway.state.apply(fact)
    again.gateway._orders.readmit()
    assert errors(again.cancel(1)) == [202]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (spread((NEAR.con_id, "BUY", 1)), 321),
        (spread((NEAR.con_id, "BUY", 1), (1, "SELL", 1)), 200),
        (spread((NEAR.con_id, "BUY", 0), (FAR.con_id, "SELL", 1)), 321),
        (spread((NEAR.con_id, "BUY", 1), (12087792, "SELL", 1), (44652017, "SELL", 1)), 321),
    ],
)
def test_a_combination_without_sense_is_refused(bench: Bench, what: Contract, code: int) -> None:
    assert errors(bench.place(1, contract=what)) == [code]


def test_a_stop_on_a_combination_is_refused(bench: Bench) -> None:
    assert errors(calendar(bench, order_type="STP", aux_price="5")) == [387]
