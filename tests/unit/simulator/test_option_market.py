"""An option's market follows its underlying's, by the model of its opening price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from brokers.simulator.exchange.book import Side
from brokers.simulator.wire.records import Contract
from brokers.simulator.wire.server import ExecutionData
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, only

CALL, PUT = (
    next(o for o in UNIVERSE.options(AAPL) if o.strike == 230 and o.expiry == "20261218" and o.right == right)
    for right in ("C", "P")
)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    for option in (CALL, PUT):
        made.gateway.exchange.market(option.con_id)
    return made


def last(bench: Bench, con_id: int) -> Decimal:
    return bench.gateway.exchange.last_price(con_id)


def test_a_call_rises_and_a_put_falls_with_the_stock(bench: Bench) -> None:
    before = [last(bench, option.con_id) for option in (CALL, PUT)]
    bench.move("240")
    bench.step()
    call, put = (last(bench, option.con_id) for option in (CALL, PUT))
    assert call > before[0] + 4
    assert put < before[1] - 2


def test_calls_and_puts_stay_in_parity_with_the_stock(bench: Bench) -> None:
    for price in ("235", "221", "260"):
        bench.move(price)
        bench.step(3)
        forward = last(bench, CALL.con_id) - last(bench, PUT.con_id)
        assert abs(forward - (last(bench, AAPL) - 230)) < Decimal("0.35")


def test_an_order_fills_at_a_price_of_now(bench: Bench) -> None:
    bench.move("250")
    bench.step()
    contract = Contract(con_id=CALL.con_id, exchange="SMART")
    (fill, *_) = only(ExecutionData, bench.place(1, contract=contract, total_quantity=1))
    assert fill.execution.price is not None and fill.execution.price > 19


def test_an_option_opens_by_the_stocks_price_of_that_time() -> None:
    bench = Bench()
    bench.move("260")
    book = bench.gateway.exchange.market(CALL.con_id).book
    best = book.sides[Side.BUY].best
    assert best is not None and best > 29


def test_an_option_at_its_expiry_is_worth_its_inside(bench: Bench) -> None:
    bench.gateway.exchange.now = bench.now.replace(month=12, day=20)
    bench.move("245")
    list(bench.gateway.exchange.step())
    assert abs(last(bench, CALL.con_id) - 15) < Decimal("0.05")
