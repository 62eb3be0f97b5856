"""openOrder repeats everything that a client sent about an order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.orders import echo
from brokers.simulator.gateway.texts.numbers import java
from brokers.simulator.wire import codec
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.place_order import PlaceOrder
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, only
from tests.unit.simulator.test_golden import ROWS

PLACED = [
    pytest.param(row, id=row["id"])
    for row in ROWS
    if row["direction"] == "client" and row["message"] == "placeOrder"
]
#: What openOrder has no field for, what it leaves empty, and prices that the order's type does not use.
NOT_REPEATED = {
    *("transmit", "override_percentage_constraints", "scale_table", "active_start_time", "active_stop_time"),
    *("algo_id", "misc_options", "ext_operator", "advanced_error_override", "manual_order_time"),
    *("mifid2_decision_maker", "mifid2_decision_algo", "mifid2_execution_trader", "mifid2_execution_algo"),
    *("open_close", "account", "lmt_price", "aux_price"),
}


def echoed(row: dict[str, Any]) -> tuple[PlaceOrder, OpenOrder]:
    """Return what a recorded client sent, and what it would receive, both as read at the row's version."""
    version = row["server_version"]
    placed = codec.decode_client(version, row["fields"])
    assert isinstance(placed, PlaceOrder)
    record = OrderRecord(
        perm_id=7,
        client_id=1,
        order_id=placed.order_id,
        con_id=AAPL,
        exchange="SMART",
        account="DU1234567",
        order=placed.order,
        received_at=datetime(2026, 11, 23, tzinfo=UTC),
        combo_legs=placed.contract.combo_legs,
    )
    fields = codec.encode_server(version, echo.open_order(record, UNIVERSE[AAPL]))
    received = codec.decode_server(version, fields)
    assert isinstance(received, OpenOrder)
    return placed, received


@pytest.mark.parametrize("row", PLACED)
def test_every_field_of_an_order_is_repeated(row: dict[str, Any]) -> None:
    placed, received = echoed(row)
    gone = set() if row["server_version"] >= 170 else {"min_trade_qty", "min_compete_size"}
    for name in placed.order.__struct_fields__:
        sent = getattr(placed.order, name)
        if sent and name not in NOT_REPEATED | gone:
            assert getattr(received.order, name) == sent, name
    assert received.contract.combo_legs == placed.contract.combo_legs


def test_an_options_strike_and_right_are_repeated() -> None:
    bench = Bench()
    what = contract(sec_type="OPT", last_trade_date="20261218", strike=Decimal(230), right="C")
    opened = only(OpenOrder, bench.place(1, contract=what, total_quantity=1))[0]
    assert (opened.contract.strike, opened.contract.right, opened.contract.multiplier) == (230, "C", "100")


def test_numbers_are_written_as_java_writes_them() -> None:
    assert [str(java(value)) for value in (None, Decimal(180), Decimal("1.50"), Decimal("1E+2"))] == [
        *("0.0", "180.0", "1.5", "100.0")
    ]
