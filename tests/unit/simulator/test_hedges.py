"""Hedge orders: children that trade what covers their parent's fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.records import Contract, Record
from brokers.simulator.wire.server import OrderStatus
from tests.unit.simulator.kit import UNIVERSE, Bench, contract, errors, only, place

EURUSD = Contract(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
MSFT = contract("MSFT")
OPTION = next(one for one in UNIVERSE.instruments.values() if one.sec_type == "OPT" and one.right == "C")
SAP = next(
    one
    for one in UNIVERSE.instruments.values()
    if one.sec_type == "STK" and one.currency == "EUR" and one.lot == 1
)


def by_id(instrument: Any) -> Contract:
    return Contract(con_id=instrument.con_id, exchange="SMART")


@pytest.fixture
def bench() -> Bench:
    return Bench(cash=Decimal(10**9))


def pair_trade(bench: Bench, **parent: Any) -> list[Record]:
    """Buy AAPL, and sell half as many MSFT once that is done."""
    bench.place(1, transmit=False, **parent)
    return bench.place(
        2, contract=MSFT, action="SELL", total_quantity=0, parent_id=1, hedge_type="P", hedge_param="0.5"
    )


def hedge(
    bench: Bench, parent: Contract, child: Contract, kind: str, param: str = "", size: int = 10
) -> Record:
    bench.place(1, contract=parent, total_quantity=size, transmit=False)
    return bench.send(
        place(
            2,
            contract=child,
            action="SELL",
            total_quantity=0,
            parent_id=1,
            hedge_type=kind,
            hedge_param=param,
        )
    )  # type: ignore[return-value]


def orders(bench: Bench) -> list[OrderRecord]:
    return list(bench.gateway.state.orders.values())


def test_a_hedge_waits_for_its_parent_without_a_size(bench: Bench) -> None:
    received = pair_trade(bench, order_type="LMT", lmt_price="200")
    (child,) = [m for m in only(OpenOrder, received) if m.order_id == 2]
    assert (child.order.total_quantity, child.order.hedge_type, child.order.hedge_param) == (0, "P", "0.5")
    assert [(m.status, m.why_held) for m in only(OrderStatus, received) if m.order_id == 2] == [
        ("PreSubmitted", "child")
    ]


def test_a_pair_trade_sells_its_ratio_once_the_parent_is_filled(bench: Bench) -> None:
    pair_trade(bench)
    parent, child = orders(bench)
    assert (parent.filled, child.status, child.filled) == (100, "Filled", 50)


def test_what_a_canceled_parent_has_filled_is_hedged(bench: Bench) -> None:
    pair_trade(bench, order_type="LMT", lmt_price="230.01", total_quantity=50_000)
    parent, child = orders(bench)
    assert 0 < parent.filled < 50_000
    bench.cancel(1)
    assert child.status == "Filled"
    assert child.filled == parent.filled // 2


def test_a_hedge_goes_with_a_parent_that_never_traded(bench: Bench) -> None:
    pair_trade(bench, order_type="LMT", lmt_price="200")
    bench.cancel(1)
    assert [record.status for record in orders(bench)] == ["Cancelled", "Cancelled"]


def test_an_fx_hedge_trades_the_parents_value_in_its_currency(bench: Bench) -> None:
    hedge(bench, by_id(SAP), EURUSD, "F", size=200)
    parent, child = orders(bench)
    lot = UNIVERSE[child.con_id].lot
    assert child.filled == parent.filled * parent.average_price // lot * lot > 0


def test_a_beta_hedge_trades_beta_times_the_value(bench: Bench) -> None:
    worth = bench.gateway.exchange.last_price(UNIVERSE.symbols("MSFT")[0].con_id)
    hedge(bench, contract(), MSFT, "B", "0.5", size=1_000)
    parent, child = orders(bench)
    assert abs(child.filled - parent.filled * parent.average_price / 2 / worth) <= 5


def test_a_delta_hedge_trades_the_options_delta_in_its_underlying(bench: Bench) -> None:
    hedge(bench, by_id(OPTION), by_id(UNIVERSE[OPTION.under_con_id]), "D")
    parent, child = orders(bench)
    assert 0 < child.filled < parent.filled * OPTION.multiplier


def test_a_hedge_keeps_its_size_over_modification_and_restart(bench: Bench) -> None:
    pair_trade(bench, order_type="LMT", lmt_price="200")
    terms = {"contract": MSFT, "action": "SELL", "parent_id": 1, "hedge_type": "P", "hedge_param": "0.5"}
    assert errors(bench.place(2, total_quantity=0, outside_rth=True, **terms)) == []
    again = Bench(cash=Decimal(10**9))
    for fact in bench.facts:
        again.gateway.state.apply(fact)
    assert [(r.quantity, r.order.hedge_type) for r in orders(again)] == [(100, ""), (0, "P")]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"hedge_type": "P", "hedge_param": "much"}, 10009),
        ({"hedge_type": "P"}, 10009),
        ({"hedge_type": "B", "hedge_param": "-1"}, 10008),
        ({"hedge_type": "D"}, 10010),
        ({"hedge_type": "X"}, 10007),
        ({"hedge_type": "F"}, 10007),
        ({"hedge_type": "F", "contract": EURUSD, "total_quantity": 20_000}, 321),
        ({"hedge_type": "P", "hedge_param": "1", "parent_id": 0}, 10006),
    ],
)
def test_what_is_no_hedge_is_refused_by_its_code(bench: Bench, terms: dict[str, Any], code: int) -> None:
    bench.place(1, order_type="LMT", lmt_price="200", transmit=False)
    asked = {"contract": MSFT, "total_quantity": 0, "parent_id": 1, **terms}
    assert errors(bench.place(2, **asked)) == [code]


def test_only_a_hedge_may_have_no_size(bench: Bench) -> None:
    assert errors(bench.place(1, total_quantity=0)) == [321]
