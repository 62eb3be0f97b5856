"""What the gateway says differs from recorded frames of real ones only in ids, times, prices and venues."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import codec
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import (
    AccountSummary,
    CommissionReport,
    ExecutionData,
    OrderStatus,
    PositionData,
)
from tests.unit.simulator.kit import Bench, contract, limit, only
from tests.unit.simulator.test_golden import ROWS

RECORDED = {row["id"]: row for row in ROWS}
ES = contract("ES", sec_type="FUT", exchange="CME", last_trade_date="202612")
#: What may differ: ids, times, prices, venues, and the instrument where the recorded one is not listed here.
OWN = {"order_id", "perm_id", "client_id", "shares_allocation", "exec_id", "time", "completed_time"}
PRICES = {
    "price",
    "avg_price",
    "avg_fill_price",
    "last_fill_price",
    "avg_cost",
    "lmt_price",
    "second_trail_stop_price",
}
INSTRUMENT = {
    "con_id",
    "symbol",
    "last_trade_date",
    "multiplier",
    "currency",
    "local_symbol",
    "trading_class",
}


def flat(message: Any, prefix: str = "") -> dict[str, Any]:
    """Return every value of a message under its dotted name."""
    values: dict[str, Any] = {}
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, msgspec.Struct):
            values |= flat(value, f"{name}.")
        else:
            values[prefix + name] = value
    return values


def differences(row_id: str, message: Record) -> set[str]:
    """Return the names of the fields in which our message, sent at the row's version, is another one."""
    row = RECORDED[row_id]
    version = row["server_version"]
    ours = codec.decode_server(version, codec.encode_server(version, message))
    theirs = flat(codec.decode_server(version, row["fields"]))
    assert len(codec.encode_server(version, message)) == len(row["fields"])
    return {name for name, value in flat(ours).items() if str(value) != str(theirs[name])}


def unexpected(row_id: str, message: Record, *also: set[str]) -> set[str]:
    allowed = OWN.union(PRICES, *also)
    return {
        name
        for name in differences(row_id, message)
        if name not in allowed and name.rpartition(".")[2] not in allowed
    }


@pytest.fixture(scope="module")
def received() -> dict[type[Record], list[Any]]:
    """A market order, a limit order on a future that rests and is cancelled, and the lists afterwards."""
    bench = Bench()
    bench.send(requests.ReqPositions())
    messages = bench.place(5)
    messages += bench.send(limit(6, "1000", contract=ES, tif="GTC", total_quantity=1))
    bench.cancel(6)
    messages += bench.send(requests.ReqCompletedOrders())
    messages += bench.send(requests.ReqAccountSummary(req_id=5, tags="Cushion,DayTradesRemaining"))
    kinds = {type(message) for message in messages}
    return {kind: only(kind, messages) for kind in kinds}


Received = dict[type[Record], list[Any]]


def test_a_filled_market_orders_open_order(received: Received) -> None:
    assert unexpected("s2c-openOrder-173-001", received[OpenOrder][1]) == set()


def test_a_working_limit_orders_open_order(received: Received) -> None:
    assert (
        unexpected("s2c-openOrder-176-001", received[OpenOrder][-1], INSTRUMENT, {"contract.exchange"})
        == set()
    )


def test_order_status(received: Received) -> None:
    assert unexpected("s2c-orderStatus-173-002", received[OrderStatus][0]) == set()
    assert unexpected("s2c-orderStatus-173-001", received[OrderStatus][1]) == set()


def test_execution_and_commission(received: Received) -> None:
    venues = {"contract.exchange", "execution.exchange"}
    assert unexpected("s2c-executionData-173-001", received[ExecutionData][0], venues) == set()
    assert unexpected("s2c-commissionReport-165-001", received[CommissionReport][0]) == set()


def test_completed_orders_filled_and_cancelled(received: Received) -> None:
    filled, cancelled = received[CompletedOrder]
    assert unexpected("s2c-completedOrder-165-001", filled) == set()
    assert unexpected("s2c-completedOrder-173-001", cancelled, INSTRUMENT) == set()


def test_positions_and_account_summary(received: Received) -> None:
    assert unexpected("s2c-positionData-151-002", received[PositionData][0], INSTRUMENT) == set()
    cushion, day_trades = received[AccountSummary]
    assert unexpected("s2c-accountSummary-151-009", cushion, {"value"}) == set()
    assert unexpected("s2c-accountSummary-151-004", day_trades) == set()
