"""Orders that hang together: brackets, transmit, one-cancels-all groups, conditions, short sales."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.faults.fault import Fault
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.records import Condition, Record
from brokers.simulator.wire.server import ExecutionData, OrderStatus
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, errors, only, story

LIMIT: dict[str, Any] = {"order_type": "LMT", "lmt_price": "200"}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def statuses(messages: list[Record]) -> list[tuple[int, str, str]]:
    return [(m.order_id, m.status, m.why_held) for m in only(OrderStatus, messages)]


def bracket(bench: Bench, parent_price: str = "220") -> list[Record]:
    """Buy at a limit, take profit at 240, stop at 210; only the last one is transmitted."""
    bench.place(1, order_type="LMT", lmt_price=parent_price, transmit=False)
    children: dict[str, Any] = {"action": "SELL", "parent_id": 1}
    bench.place(2, order_type="LMT", lmt_price="240", transmit=False, **children)
    return bench.place(3, order_type="STP", aux_price="210", **children)


def final(bench: Bench) -> list[str]:
    return [record.status.value for record in bench.gateway.state.orders.values()]


# -- brackets ------------------------------------------------------------------------------------------


def test_a_bracket_is_published_when_its_last_order_is_transmitted(bench: Bench) -> None:
    assert statuses(bracket(bench)) == [
        (1, "PreSubmitted", ""),
        (1, "Submitted", ""),
        (2, "PreSubmitted", "child"),
        (3, "PreSubmitted", "child,trigger"),
    ]


def test_children_name_their_parent_and_share_a_group(bench: Bench) -> None:
    received = only(OpenOrder, bracket(bench))
    parent, children = received[0].order, [message.order for message in received[-2:]]
    assert {child.parent_id for child in children} == {1}
    assert {child.oca_group for child in children} == {str(parent.perm_id)}


def test_children_begin_to_work_when_the_parent_is_filled(bench: Bench) -> None:
    bracket(bench)
    assert statuses(bench.move("219"))[-4:] == [
        (1, "Filled", ""),
        (2, "PreSubmitted", ""),
        (2, "Submitted", ""),
        (3, "PreSubmitted", "trigger"),
    ]


def test_a_filled_child_cancels_its_sibling(bench: Bench) -> None:
    bracket(bench, "231")
    assert statuses(bench.move("241"))[-1] == (3, "Cancelled", "")
    assert final(bench) == ["Filled", "Filled", "Cancelled"]


def test_children_are_cancelled_with_their_parent(bench: Bench) -> None:
    bracket(bench)
    assert errors(bench.cancel(1)) == [202, 202, 202]
    assert final(bench) == ["Cancelled"] * 3


def test_a_child_of_nobody_gets_10006(bench: Bench) -> None:
    assert errors(bench.place(5, parent_id=4)) == [10006]


@pytest.mark.parametrize("fate", ["filled", "cancelled"])
def test_a_child_of_a_parent_that_is_over_gets_135(bench: Bench, fate: str) -> None:
    bench.place(1, **({} if fate == "filled" else LIMIT))
    bench.cancel(1)
    assert errors(bench.place(2, action="SELL", order_type="LMT", lmt_price="240", parent_id=1)) == [135]


def test_a_child_is_modified_without_its_parent_once_that_is_over(bench: Bench) -> None:
    bracket(bench, "231")
    profit: dict[str, Any] = {"action": "SELL", "order_type": "LMT", "lmt_price": "245"}
    assert errors(bench.place(2, parent_id=1, **profit)) == [135]
    assert errors(bench.place(2, **profit)) == []
    assert bench.gateway.state.order(1, 2).order.lmt_price == 245  # type: ignore[union-attr]


def test_a_child_keeps_its_parent_while_that_is_open(bench: Bench) -> None:
    bracket(bench)
    profit: dict[str, Any] = {"action": "SELL", "order_type": "LMT", "lmt_price": "245"}
    assert errors(bench.place(2, **profit)) == [10341]


def test_auto_cancel_parent_cancels_the_parent_with_the_child(bench: Bench) -> None:
    bench.place(1, transmit=False, **LIMIT)
    child: dict[str, Any] = {"order_type": "LMT", "lmt_price": "240", "auto_cancel_parent": True}
    bench.place(2, action="SELL", parent_id=1, **child)
    bench.cancel(2)
    assert final(bench) == ["Cancelled", "Cancelled"]


def test_a_cancelled_held_order_was_never_there(bench: Bench) -> None:
    bench.place(1, transmit=False, **LIMIT)
    assert errors(bench.cancel(1)) == [202]
    assert not bench.gateway.state.orders


def test_after_a_restart_children_still_wait_for_their_parents_fill(bench: Bench) -> None:
    bracket(bench)
    again = Bench()
    for fact in bench.facts:
        again.gateway.state.apply(fact)
    again.gateway._orders.readmit()
    assert statuses(again.move("241")) == []
    assert (3, "PreSubmitted", "trigger") in statuses(again.move("219"))


# -- one cancels all -----------------------------------------------------------------------------------


def group(kind: int, **terms: Any) -> dict[str, Any]:
    return {"oca_group": "either", "oca_type": kind, "order_type": "LMT", **terms}


def test_type_1_cancels_the_others_on_a_fill(bench: Bench) -> None:
    bench.place(1, **group(1, lmt_price="228"))
    bench.place(2, **group(1, lmt_price="560", contract=contract("SPY")))
    bench.move("227")
    assert final(bench) == ["Filled", "Cancelled"]


def test_type_2_reduces_the_others_in_proportion(bench: Bench) -> None:
    bench.place(1, **group(2, lmt_price="230.00", total_quantity=100))
    bench.place(2, **group(2, lmt_price="560", contract=contract("SPY"), total_quantity=50))
    bench.place(1, bench.connect(2), action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=40)
    first, second, _ = bench.gateway.state.orders.values()
    assert (first.remaining, second.remaining) == (60, 30)


@pytest.mark.parametrize(("kind", "fills"), [(1, 1), (2, 1), (3, 2)])
def test_only_a_group_with_block_cannot_fill_twice_in_one_move(bench: Bench, kind: int, fills: int) -> None:
    bench.place(1, **group(kind, lmt_price="228"))
    bench.place(2, **group(kind, lmt_price="227"))
    assert len(only(ExecutionData, bench.move("225"))) == fills


def test_a_group_cannot_be_changed_afterwards(bench: Bench) -> None:
    bench.place(1, **group(1, lmt_price="228"))
    assert errors(bench.place(1, **group(1, lmt_price="229", oca_group="other"))) == [10326]


def test_the_fill_comes_before_the_cancel_of_the_group(bench: Bench) -> None:
    bench.place(1, **group(1, lmt_price="228"))
    bench.place(2, **group(1, lmt_price="200"))
    received = story(bench.move("227"))
    assert received.index("CommissionReport") < received.index("OrderStatus Cancelled")
    assert received[-1] == "ErrMsg 202"


# -- a cancel of one of them ---------------------------------------------------------------------------


def test_a_clients_cancel_of_one_exit_cancels_the_other_not_the_parent(bench: Bench) -> None:
    bracket(bench)
    assert errors(bench.cancel(3)) == [202, 202]
    assert final(bench) == ["Submitted", "Cancelled", "Cancelled"]


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_a_clients_cancel_of_one_of_a_group_cancels_the_others(bench: Bench, kind: int) -> None:
    for order_id in (1, 2, 3):
        bench.place(order_id, **group(kind, lmt_price="200"))
    bench.cancel(2)
    assert final(bench) == ["Cancelled"] * 3


def test_a_cancel_after_a_trade_of_the_group_ends_only_that_order(bench: Bench) -> None:
    bench.place(1, **group(3, lmt_price="230.00", total_quantity=100))
    bench.place(2, **group(3, lmt_price="200", total_quantity=100))
    bench.place(1, bench.connect(2), action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=40)
    bench.cancel(1)
    assert final(bench)[:2] == ["Cancelled", "Submitted"]


def test_a_trade_of_the_group_is_remembered_over_a_restart(bench: Bench) -> None:
    bench.place(1, **group(3, lmt_price="230.00", total_quantity=100))
    bench.place(2, **group(3, lmt_price="200", total_quantity=100))
    bench.place(1, bench.connect(2), action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=40)
    again = Bench()
    for fact in bench.facts:
        again.gateway.state.apply(fact)
    again.gateway._orders.readmit()
    again.cancel(1)
    assert final(again)[:2] == ["Cancelled", "Submitted"]


def test_the_systems_own_cancel_or_reject_leaves_the_others(bench: Bench) -> None:
    bench.place(1, **group(1, lmt_price="200", tif="GTD", good_till_date="20261123-12:00:10"))
    bench.gateway.faults.add(Fault(kind="reject", order_type="LMT"))
    bench.place(2, **group(1, lmt_price="199"))
    bench.place(3, **group(1, lmt_price="198"))
    bench.skip(timedelta(seconds=11))
    assert final(bench) == ["Cancelled", "Inactive", "Submitted"]


# -- conditions ----------------------------------------------------------------------------------------


def condition(kind: int, value: str = "", *, more: bool = True, **fields: Any) -> Condition:
    about = {"con_id": AAPL} if kind in (1, 6, 7) else {}
    return Condition(kind=kind, value=value, is_more=more, **(about | fields))


@pytest.mark.parametrize(
    "wanted",
    [
        condition(1, "235"),
        condition(1, "235", trigger_method=8),
        condition(3, "20261123-12:00:10"),
        condition(4, "100", more=False),
        condition(6, "1"),
        condition(7, "2"),
    ],
)
def test_an_order_waits_for_its_condition(bench: Bench, wanted: Condition) -> None:
    received = bench.place(2, symbol="IBM", conditions=(wanted,))
    if wanted.kind != 4:
        assert story(received) == ["OpenOrder PreSubmitted", "OrderStatus PreSubmitted"]
    bench.move("236")
    bench.skip(timedelta(seconds=11))
    assert final(bench) == ["Filled"]


def test_an_execution_condition_waits_for_a_fill_in_that_symbol(bench: Bench) -> None:
    bench.place(1, symbol="IBM", conditions=(condition(5, symbol="AAPL", sec_type="STK", exchange="SMART"),))
    bench.step()
    assert final(bench) == ["PreSubmitted"]
    bench.place(2)
    bench.step()
    assert final(bench) == ["Filled", "Filled"]


def test_and_binds_closer_than_or(bench: Bench) -> None:
    high, low = condition(1, "300"), condition(1, "235")
    or_low = msgspec.structs.replace(low, conjunction="o")
    bench.place(1, symbol="IBM", conditions=(high, or_low, low))
    bench.place(2, symbol="IBM", conditions=(low, high))
    bench.move("236")
    bench.step()
    assert final(bench) == ["Filled", "PreSubmitted"]


def test_a_condition_may_cancel_a_working_order(bench: Bench) -> None:
    received = bench.place(1, conditions=(condition(1, "235"),), conditions_cancel_order=True, **LIMIT)
    assert statuses(received)[-1][1] == "Submitted"
    bench.move("236")
    assert errors(bench.step()) == [202]


# -- short sales ---------------------------------------------------------------------------------------


def test_a_short_sale_waits_until_its_shares_are_located() -> None:
    hard_to_borrow = msgspec.structs.replace(UNIVERSE[AAPL], locate_seconds=30)
    bench = Bench(universe=Universe([hard_to_borrow], UNIVERSE.rates))
    received = bench.place(1, action="SELL")
    assert story(received) == ["ErrMsg 404", "OpenOrder PreSubmitted", "OrderStatus PreSubmitted"]
    assert statuses(received)[-1][2] == "locate"
    assert statuses(bench.skip(timedelta(seconds=31)))[-1] == (1, "Filled", "")
