"""Orders at the gateway: what is sent, in which order, under which code (tws-wire 6.3 and 8)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.simulator.gateway.orders.echo import completed_order
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.records import Condition, TagValue
from brokers.simulator.wire.server import CommissionReport, ErrMsg, ExecutionData, NextValidId, OrderStatus
from brokers.simulator.wire.values import UNSET_DOUBLE
from tests.unit.simulator.kit import Bench, contract, errors, limit, only, story


@pytest.fixture
def bench() -> Bench:
    return Bench()


FAR = "200.00"  # well below the market
REST = ["OpenOrder PreSubmitted", "OrderStatus PreSubmitted", "OpenOrder Submitted", "OrderStatus Submitted"]
CANCELLED = ["OrderStatus PendingCancel", "OrderStatus Cancelled", "ErrMsg 202"]


def test_a_market_order_is_acknowledged_executed_filled_and_charged(bench: Bench) -> None:
    assert story(bench.place(1)) == [
        "OpenOrder PreSubmitted",
        "OrderStatus PreSubmitted",
        "ExecutionData",
        "OpenOrder Filled",
        "OrderStatus Filled",
        "OpenOrder Filled commission",
        "OrderStatus Filled",
        "CommissionReport",
    ]


def test_a_limit_order_away_from_the_market_rests_until_cancelled(bench: Bench) -> None:
    assert story(bench.send(limit(1, FAR))) == REST
    assert bench.step(200) == []
    assert story(bench.cancel(1)) == CANCELLED


def test_unset_fields_of_open_orders_are_as_real_gateways_send(bench: Bench) -> None:
    order = only(OpenOrder, bench.send(limit(1, FAR, order_ref="desk-1")))[0].order
    assert (order.lmt_price, order.aux_price) == (200, 0)
    assert order.shares_allocation == f"{order.perm_id}.0/DU1234567/100"
    assert order.second_trail_stop_price == 201
    assert order.order_ref == "desk-1"
    assert (order.delta_neutral_order_type, order.oca_type, order.adjusted_order_type) == ("None", 3, "None")


def test_an_order_too_large_for_the_best_level_fills_in_parts(bench: Bench) -> None:
    received = bench.place(1, total_quantity=3000)
    shares = [message.execution.shares for message in only(ExecutionData, received)]
    assert len(shares) > 1
    assert sum(share or 0 for share in shares) == 3000
    assert [m.filled for m in only(OrderStatus, received) if m.status == "Submitted"]
    charged = sum(report.commission or 0 for report in only(CommissionReport, received))
    assert charged == 15  # 0.005 a share for the whole order, however it was filled


def test_ioc_that_cannot_fill_is_cancelled(bench: Bench) -> None:
    assert story(bench.send(limit(1, FAR, tif="IOC"))) == [
        "OpenOrder PreSubmitted",
        "OrderStatus PreSubmitted",
        "OrderStatus PendingCancel",
        "OrderStatus Cancelled",
    ]


def test_fok_that_cannot_fill_becomes_inactive(bench: Bench) -> None:
    received = bench.send(limit(1, "230.01", total_quantity=10_000, tif="FOK"))
    assert story(received)[-2:] == ["OpenOrder Inactive", "OrderStatus Inactive"]
    assert not only(ExecutionData, received)


def test_a_stop_waits_for_its_trigger_and_then_trades(bench: Bench) -> None:
    received = bench.place(1, action="SELL", order_type="STP", aux_price="225")
    assert story(received) == ["OpenOrder PreSubmitted", "OrderStatus PreSubmitted"]
    assert only(OrderStatus, received)[0].why_held == "trigger"
    after = bench.move("224")
    assert story(after)[:3] == ["OpenOrder Submitted", "OrderStatus Submitted", "ExecutionData"]
    assert only(OrderStatus, after)[-1].status == "Filled"


def test_without_transmit_nothing_is_published_of_an_order(bench: Bench) -> None:
    assert bench.send(limit(1, FAR, transmit=False)) == []
    assert story(bench.send(requests.ReqAllOpenOrders())) == ["OpenOrderEnd"]
    assert story(bench.send(limit(1, FAR))) == REST


# -- ids ---------------------------------------------------------------------------------------------


def test_ids_must_rise_per_client(bench: Bench) -> None:
    bench.place(5)
    assert errors(bench.place(4)) == [103]
    other = bench.connect(2)
    assert errors(bench.place(4, other)) == []
    assert bench.send(requests.ReqIds()) == [NextValidId(order_id=6)]


def test_after_seeing_all_open_orders_new_ids_must_exceed_them(bench: Bench) -> None:
    other = bench.connect(2)
    bench.send(limit(40, FAR), other)
    bench.send(requests.ReqAllOpenOrders())
    assert errors(bench.place(7)) == [103]
    assert errors(bench.place(41)) == []


def test_reusing_a_filled_id_gives_104_a_cancelled_one_103(bench: Bench) -> None:
    bench.place(1)
    bench.send(limit(2, FAR))
    bench.cancel(2)
    assert errors(bench.place(1)) == [104]
    assert errors(bench.send(limit(2, FAR))) == [103]


def test_sending_an_open_order_again_changes_nothing_but_is_counted(bench: Bench) -> None:
    bench.send(limit(1, FAR))
    assert story(bench.send(limit(1, FAR))) == ["OpenOrder Submitted", "OrderStatus Submitted"]
    record = bench.gateway.state.order(1, 1)
    assert record is not None
    assert (record.place_count, record.modifications) == (2, 0)


# -- modifying and cancelling ------------------------------------------------------------------------


def test_a_new_price_and_size_replace_the_old_and_may_trade(bench: Bench) -> None:
    bench.send(limit(1, FAR))
    changed = only(OpenOrder, bench.send(limit(1, "201.00", total_quantity=50)))[0].order
    assert (changed.lmt_price, changed.total_quantity) == (201, 50)
    assert changed.shares_allocation.startswith(f"{changed.perm_id}.1/")
    assert changed.second_trail_stop_price == UNSET_DOUBLE
    assert only(OrderStatus, bench.send(limit(1, "240.00", total_quantity=50)))[-1].status == "Filled"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"action": "SELL"}, 105),
        ({"order_ref": "another"}, 105),
        ({"contract": contract("MSFT")}, 105),
        ({"order_type": "STP LMT", "aux_price": "200"}, 329),
        ({"lmt_price": "200.001"}, 110),
        ({"total_quantity": "0"}, 321),
    ],
)
def test_a_refused_modification_leaves_the_order_as_it_was(
    bench: Bench, terms: dict[str, object], code: int
) -> None:
    bench.send(limit(1, FAR))
    assert errors(bench.place(1, **{"order_type": "LMT", "lmt_price": FAR, **terms})) == [code]
    order = only(OpenOrder, bench.send(requests.ReqOpenOrders()))[0].order
    assert (order.action, order.lmt_price, order.total_quantity) == ("BUY", 200, 100)


def test_cancelling_what_is_not_there_gives_10147(bench: Bench) -> None:
    bench.send(limit(1, FAR), bench.connect(2))
    assert errors(bench.cancel(1)) == [10147]  # another client's


def test_cancelling_what_is_done_gives_10148_with_its_state(bench: Bench) -> None:
    bench.place(1)
    (message,) = only(ErrMsg, bench.cancel(1))
    assert (message.req_id, message.code) == (1, 10148)
    assert message.text.endswith("state: Filled.")


def test_global_cancel_takes_out_the_orders_of_every_client(bench: Bench) -> None:
    other = bench.connect(2)
    bench.send(limit(1, FAR), other)
    bench.send(limit(1, FAR))
    assert story(bench.send(requests.ReqGlobalCancel())) == CANCELLED
    assert story(bench.received(other)) == CANCELLED


# -- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"symbol": "NOPE"}, 200),
        ({"contract": contract("ES", sec_type="FUT", exchange="CME")}, 200),
        ({"contract": contract(exchange="LSE")}, 200),
        ({"order_type": "LMT", "lmt_price": "200.001"}, 110),
        ({"order_type": "LMT"}, 321),
        ({"order_type": "LMT", "lmt_price": "1e200"}, 321),
        ({"order_type": "LMT", "lmt_price": "-5"}, 321),
        ({"order_type": "STP"}, 321),
        ({"order_type": "XYZ"}, 321),
        ({"order_type": "TRAIL"}, 321),
        ({"order_type": "LWH"}, 387),
        ({"order_type": "VOL"}, 387),
        ({"order_type": "PEG BEST", "compete_against_best_offset": "much"}, 321),
        ({"order_type": "PEG BENCH", "reference_contract_id": 272093}, 321),
        ({"order_type": "STP", "aux_price": "225", "adjusted_order_type": "LMT"}, 321),
        ({"order_type": "MKT", "discretionary_amt": Decimal("0.1")}, 201),
        ({"order_type": "MKT", "scale_price_increment": Decimal("0.1")}, 201),
        ({"cash_qty": Decimal(-5)}, 10244),
        ({"what_if": True, "transmit": False}, 413),
        ({"tif": "GTD"}, 321),
        ({"tif": "GTD", "good_till_date": "20261123 11:00:00"}, 321),
        ({"tif": "DTC"}, 387),
        ({"order_type": "MOC", "tif": "GTC"}, 321),
        ({"order_type": "STP", "aux_price": "229", "tif": "OPG"}, 321),
        ({"order_type": "LMT", "lmt_price": "230", "display_size": 101}, 321),
        ({"good_after_time": "tomorrow"}, 321),
        ({"adjusted_order_type": "STP"}, 321),
        ({"oca_group": "a", "oca_type": 4}, 321),
        ({"conditions": (Condition(kind=1, con_id=1, value="5"),)}, 321),
        ({"conditions": (Condition(kind=3, value="soon"),)}, 321),
        ({"tif": "SOON"}, 321),
        ({"action": "HOLD"}, 321),
        ({"total_quantity": "0"}, 321),
        ({"total_quantity": "1e300"}, 321),
        ({"total_quantity": "0.5"}, 10243),
        ({"account": "DU999"}, 321),
        ({"parent_id": 9}, 10006),
        ({"parent_id": 1}, 10006),
        ({"algo_strategy": "Magic"}, 439),
        ({"algo_strategy": "Adaptive"}, 441),
        ({"algo_strategy": "Twap", "algo_params": (TagValue(tag="speed", value="1"),)}, 443),
        ({"algo_strategy": "Vwap", "tif": "GTC"}, 442),
    ],
)
def test_an_unworkable_order_is_refused_and_leaves_no_trace(
    bench: Bench, terms: dict[str, object], code: int
) -> None:
    assert errors(bench.place(1, **terms)) == [code]  # type: ignore[arg-type]
    assert not bench.gateway.state.orders
    assert errors(bench.place(1)) == []  # the id was not used up


def test_a_price_as_a_double_counts_as_the_tick_it_means(bench: Bench) -> None:
    assert errors(bench.send(limit(1, "200.10000000000002"))) == []


# -- lists -------------------------------------------------------------------------------------------


def test_open_orders_are_this_clients_and_all_open_orders_everybodys(bench: Bench) -> None:
    bench.send(limit(1, FAR), bench.connect(2))
    bench.send(limit(1, FAR))
    assert len(only(OpenOrder, bench.send(requests.ReqOpenOrders()))) == 1
    everybody = bench.send(requests.ReqAllOpenOrders())
    assert [message.order.client_id for message in only(OpenOrder, everybody)] == [2, 1]
    assert story(everybody)[-1] == "OpenOrderEnd"


def test_completed_orders_say_how_they_ended(bench: Bench) -> None:
    bench.place(1)
    bench.send(limit(2, FAR))
    bench.cancel(2)
    bench.send(limit(3, FAR, tif="IOC"))
    done = only(CompletedOrder, bench.send(requests.ReqCompletedOrders()))
    assert [(m.state.status, m.state.completed_status) for m in done] == [
        ("Filled", "Filled Size: 100"),
        ("Cancelled", "Cancelled by Trader"),
        ("Cancelled", "Cancelled by System:\n"),
    ]
    assert [(m.order.total_quantity, m.order.filled_quantity) for m in done[:2]] == [(0, 100), (100, 0)]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 3),
        ({"client_id": 0}, 3),
        ({"client_id": 2}, 1),
        ({"symbol": "MSFT"}, 1),
        ({"side": "SELL"}, 1),
        ({"side": "SLD"}, 1),
        ({"sec_type": "FUT"}, 0),
        ({"account": "DU999"}, 0),
        ({"time": "20261123-11:00:00"}, 3),
        ({"time": "20261123 13:00:00"}, 0),
    ],
)
def test_executions_pass_the_filter_each_with_its_commission(
    bench: Bench, wanted: dict[str, object], count: int
) -> None:
    bench.place(1)
    bench.place(2, symbol="MSFT", action="SELL")
    bench.place(1, bench.connect(2))
    received = bench.send(requests.ReqExecutions(req_id=7, **wanted))  # type: ignore[arg-type]
    assert story(received) == ["ExecutionData", "CommissionReport"] * count + ["ExecutionDataEnd"]
    assert all(message.req_id == 7 for message in only(ExecutionData, received))


def test_an_unreadable_time_in_the_filter_is_an_error(bench: Bench) -> None:
    assert errors(bench.send(requests.ReqExecutions(req_id=7, time="yesterday"))) == [321]


@pytest.mark.parametrize(("version", "text"), [(157, "20261123  12:00:00"), (178, "20261123 12:00:00 UTC")])
def test_execution_times_are_in_the_form_of_the_version(bench: Bench, version: int, text: str) -> None:
    old = bench.connect(3, version)
    (execution,) = only(ExecutionData, bench.place(1, old))
    assert execution.execution.time == text


# -- days --------------------------------------------------------------------------------------------


def test_day_orders_expire_at_midnight_and_gtc_orders_do_not(bench: Bench) -> None:
    bench.send(limit(1, FAR))
    bench.send(limit(2, FAR, tif="GTC"))
    assert story(bench.skip(timedelta(hours=12))) == CANCELLED
    (left,) = only(OpenOrder, bench.send(requests.ReqOpenOrders()))
    assert left.order_id == 2


def test_executions_and_completed_orders_are_forgotten_at_midnight(bench: Bench) -> None:
    bench.place(1)
    bench.skip(timedelta(hours=13))
    assert story(bench.send(requests.ReqExecutions(req_id=1))) == ["ExecutionDataEnd"]
    assert story(bench.send(requests.ReqCompletedOrders())) == ["CompletedOrdersEnd"]


# -- who receives what ----------------------------------------------------------------------------------


def test_only_owner_and_master_client_receive_an_orders_messages() -> None:
    bench = Bench(master_client_id=9)
    other, master = bench.connect(2), bench.connect(9)
    bench.place(1)
    assert bench.received(other) == []
    assert "CommissionReport" in story(bench.received(master))


def test_what_if_orders_are_answered_with_margins_and_never_worked(bench: Bench) -> None:
    (answer,) = only(OpenOrder, bench.send(limit(1, FAR, what_if=True)))
    assert answer.state.init_margin_change == 5000
    assert answer.state.max_commission == 1
    assert answer.order.what_if
    assert not bench.gateway.state.orders
    bench.send(limit(1, FAR))
    bench.send(limit(1, "201.00", what_if=True))
    assert only(OpenOrder, bench.send(requests.ReqOpenOrders()))[0].order.lmt_price == 200


def test_perm_and_exec_ids_do_not_repeat_after_a_reset(bench: Bench) -> None:
    def ids() -> tuple[int, str]:
        execution = only(ExecutionData, bench.place(1))[0].execution
        return execution.perm_id, execution.exec_id

    before = ids()
    bench.gateway.reset()
    after = ids()
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_reset_forgets_orders_positions_and_used_ids(bench: Bench) -> None:
    bench.place(5)
    bench.gateway.reset()
    assert bench.send(requests.ReqIds()) == [NextValidId(order_id=1)]
    assert story(bench.send(requests.ReqExecutions(req_id=1))) == ["ExecutionDataEnd"]
    assert story(bench.send(requests.ReqPositions())) == ["PositionEnd"]


def test_two_clients_orders_trade_with_each_other(bench: Bench) -> None:
    other = bench.connect(2)
    # Inside the makers' spread, so nobody else is there.
    price = bench.gateway.exchange.universe[265598].price
    bench.send(limit(1, price), other)
    received = bench.send(limit(1, price, action="SELL"))
    assert only(OrderStatus, received)[-1].status == "Filled"
    assert only(ExecutionData, bench.received(other))[0].execution.last_liquidity == 1
    assert only(ExecutionData, received)[0].execution.last_liquidity == 2


def test_a_completed_order_keeps_perm_id_and_reference_only(bench: Bench) -> None:
    bench.place(1, order_ref="desk-9")
    record = bench.gateway.state.order(1, 1)
    assert record is not None
    message = completed_order(record, bench.gateway.universe[record.con_id], "20261123 12:00:00 UTC")
    assert (message.order.perm_id, message.order.order_ref) == (record.perm_id, "desk-9")
    assert message.order.filled_quantity == Decimal(100)
