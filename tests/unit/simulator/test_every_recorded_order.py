"""Every recorded order, placed again here: what the gateway says differs in the listed fields only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import codec
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.records import Contract
from brokers.simulator.wire.values import UNSET_DOUBLE
from tests.unit.simulator.kit import Bench, only, place
from tests.unit.simulator.test_golden import ROWS
from tests.unit.simulator.test_like_recorded import INSTRUMENT, OWN, PRICES, flat

#: Fields in which a recorded order may differ from ours, and why that is no fault.
ALLOWED = {
    # ids, times and prices; what it cost
    *OWN,
    *PRICES,
    *("aux_price", "commission", "min_commission", "max_commission"),
    # until 2021 gateways said `O` (opens a position), and nothing for sizes that were not given
    *("open_close", "display_size", "scale_init_level_size", "scale_subs_level_size"),
    # orders that were stored and loaded again say `0`, and when the gateway would have given them up
    *("rule_80a", "auto_cancel_date"),
    # recorded orders belonged to brackets and programs, and had flags of their own
    *("oca_group", "parent_perm_id", "order_ref", "outside_rth", "hidden", "use_price_mgmt_algo"),
}
#: What an account's margin is depends on what else is in it.
MARGINS = {
    f"{what}_{when}"
    for what in ("init_margin", "maint_margin", "equity_with_loan")
    for when in ("before", "change", "after")
}
STAND_IN = Contract(symbol="CL", sec_type="FUT", exchange="NYMEX", currency="USD", last_trade_date="202612")


def recorded(message: str) -> list[Any]:
    rows = [row for row in ROWS if row["message"] == message and (row["server_version"] or 999) <= 178]
    decoded = [(row, codec.decode_server(row["server_version"], row["fields"])) for row in rows]
    return [pytest.param(row, theirs, id=row["id"]) for row, theirs in decoded]


def prepared(bench: Bench, theirs: Any, *, fills: bool) -> Contract:
    """Return a contract to trade, after its market went where the order fills, or where it rests."""
    order, what = theirs.order, theirs.contract
    if what.sec_type == "FUT":
        contract = STAND_IN
    else:
        contract = Contract(
            symbol=what.symbol, sec_type=what.sec_type, exchange=what.exchange, currency=what.currency
        )
    is_stop = order.order_type == "STP"
    price = order.aux_price if is_stop else order.lmt_price
    rests_below = (order.action == "BUY") != is_stop
    if price and order.order_type != "MKT":
        bench.move(str(price * Decimal("1.25" if rests_below != fills else "0.8")), contract.symbol)
    return contract


def terms(theirs: Any, quantity: Decimal) -> dict[str, Any]:
    order = theirs.order
    prices = {"LMT": {"lmt_price": order.lmt_price}, "STP": {"aux_price": order.aux_price}}
    return {
        "action": order.action,
        "total_quantity": quantity,
        "order_type": order.order_type,
        "tif": order.tif,
        "what_if": order.what_if,
        **prices.get(order.order_type, {}),
    }


def differing(ours: Any, theirs: Any) -> set[str]:
    """Return the names of the fields that differ by value: `50` is `50.0`."""
    mine, recorded_ones = flat(ours), flat(theirs)
    return {
        name.rpartition(".")[2]
        for name, value in mine.items()
        if value != recorded_ones[name] and str(value) != str(recorded_ones[name])
    }


def unexpected(row: dict[str, Any], ours: Any, theirs: Any) -> set[str]:
    """Return the differences beyond those allowed; another future stands for the recorded ones."""
    version = row["server_version"]
    fields = codec.encode_server(version, ours)
    assert len(fields) == len(row["fields"])
    other = (
        INSTRUMENT | {"exchange", "commission_currency"}
        if theirs.contract.sec_type == "FUT"
        else {"trading_class"}
    )
    margins = MARGINS if theirs.order.what_if else set()
    return differing(codec.decode_server(version, fields), theirs) - ALLOWED - other - margins


@pytest.mark.parametrize(("row", "theirs"), recorded("openOrder"))
def test_an_open_order(row: dict[str, Any], theirs: OpenOrder) -> None:
    bench = Bench()
    what = prepared(bench, theirs, fills=theirs.state.status == "Filled")
    quantity = theirs.order.total_quantity or Decimal(0)
    is_modified = theirs.order.second_trail_stop_price == UNSET_DOUBLE and theirs.order.order_type == "LMT"
    if is_modified:  # only a modified order has no price in that field
        bench.send(place(1, contract=what, **terms(theirs, quantity + 1)))
    received = only(OpenOrder, bench.send(place(1, contract=what, **terms(theirs, quantity))))
    costs = bool(theirs.state.commission) and not theirs.order.what_if
    alike = [ours for ours in received if bool(ours.state.commission) == costs]
    same_status = [ours for ours in alike if ours.state.status == theirs.state.status]
    ours = (same_status or alike)[-1]
    # An order loaded again before the opening is PreSubmitted; ours has no opening to wait for.
    reloaded = {"status"} if is_modified and theirs.state.status == "PreSubmitted" else set()
    assert unexpected(row, ours, theirs) - reloaded == set()


@pytest.mark.parametrize(("row", "theirs"), recorded("completedOrder"))
def test_a_completed_order(row: dict[str, Any], theirs: CompletedOrder) -> None:
    bench = Bench()
    is_filled, is_stop = theirs.state.status == "Filled", theirs.order.order_type == "STP"
    what = prepared(bench, theirs, fills=is_filled and not is_stop)
    quantity = theirs.order.filled_quantity if is_filled else theirs.order.total_quantity
    bench.send(place(1, contract=what, **terms(theirs, quantity or Decimal(0))))
    if is_filled and is_stop:
        bench.move("13", what.symbol)
    if not is_filled:
        bench.cancel(1)
    (ours,) = only(CompletedOrder, bench.send(requests.ReqCompletedOrders()))
    # Recorded ones also ended by expiry and by the exchange; the words for those are tested with the orders.
    ended_otherwise = set() if is_filled else {"completed_status"}
    assert unexpected(row, ours, theirs) - ended_otherwise == set()
