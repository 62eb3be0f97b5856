"""Orders whose price or kind follows the market: pegged, discreet, adjustable, scaled, for cash."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.exchange.book import Side
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.records import Contract, Record
from brokers.simulator.wire.server import ExecutionData, OrderStatus
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, errors, only, place

MSFT = 272093
D = Decimal


@pytest.fixture
def bench() -> Bench:
    return Bench()


def status(messages: list[Record]) -> str:
    return only(OrderStatus, messages)[-1].status


def fills(messages: list[Record]) -> list[tuple[Decimal | None, Decimal | None]]:
    return [(m.execution.shares, m.execution.price) for m in only(ExecutionData, messages)]


def stands_at(bench: Bench, con_id: int = AAPL) -> Decimal | None:
    """Return where client 1's only order stands in its market."""
    (order,) = bench.gateway.exchange.market(con_id).orders.values()
    return order.book_order.price


def quotes(bench: Bench, con_id: int = AAPL) -> tuple[Decimal, Decimal]:
    """Return the makers' best bid and ask, which nobody follows."""
    market = bench.gateway.exchange.market(con_id)
    best = [market._unpegged_best(side) for side in (Side.BUY, Side.SELL)]
    assert best[0] is not None and best[1] is not None
    return best[0], best[1]


@pytest.mark.parametrize(
    ("terms", "away_from_bid"),
    [
        ({"order_type": "PEG PRIM"}, "0"),
        ({"order_type": "PASSV REL", "aux_price": "0.05"}, "-0.05"),
        ({"order_type": "PEG MKT", "aux_price": "0.10"}, "-0.08"),
        ({"order_type": "PEG MID", "aux_price": "0.03"}, "-0.02"),
        ({"order_type": "PEG MID", "mid_offset_at_whole": D("0.02")}, "-0.01"),
        ({"order_type": "PEG BEST", "compete_against_best_offset": "0.01"}, "0.01"),
        ({"order_type": "PEG BEST"}, "0.01"),
    ],
)
def test_a_pegged_order_stands_by_the_quotes_and_follows_them(
    bench: Bench, terms: dict[str, Any], away_from_bid: str
) -> None:
    bid, ask = quotes(bench)
    assert ask - bid == D("0.02")
    assert status(bench.place(1, **terms)) == "Submitted"
    assert stands_at(bench) == bid + D(away_from_bid)
    bench.move("240")
    assert stands_at(bench) == quotes(bench)[0] + D(away_from_bid)


def test_a_pegged_order_never_goes_beyond_its_cap(bench: Bench) -> None:
    bench.place(1, order_type="PEG PRIM", lmt_price="231")
    bench.move("240")
    assert stands_at(bench) == 231


def test_a_snap_order_stays_where_the_market_was(bench: Bench) -> None:
    bid, _ = quotes(bench)
    bench.place(1, order_type="SNAP PRIM")
    bench.move("240")
    assert stands_at(bench) == bid


def test_an_order_pegged_to_a_benchmark_moves_with_it(bench: Bench) -> None:
    terms: dict[str, Any] = {"reference_contract_id": MSFT, "starting_price": D(220)}
    terms |= {"pegged_change_amount": D("0.5"), "reference_change_amount": D(1)}
    bench.place(1, order_type="PEG BENCH", **terms)
    assert stands_at(bench) == 220
    bench.move("419", symbol="MSFT")
    bench.step()
    assert stands_at(bench) == 222


def option(right: str) -> Contract:
    contract = next(o for o in UNIVERSE.options(AAPL) if o.strike == 230 and o.right == right)
    return Contract(con_id=contract.con_id, exchange="SMART")


@pytest.mark.parametrize(("right", "price"), [("C", "6.20"), ("P", "5.80")])
def test_an_option_pegged_to_its_stock_moves_by_delta(bench: Bench, right: str, price: str) -> None:
    con_id = option(right).con_id
    terms = {"starting_price": D(6), "delta": D(40), "stock_ref_price": D(230)}
    bench.place(1, contract=option(right), order_type="PEG STK", total_quantity=1, **terms)
    bench.move("230.50")
    bench.step()
    found = stands_at(bench, con_id)
    assert found is not None and abs(found - D(price)) <= D("0.02")


def test_a_volatility_order_is_priced_by_the_model(bench: Bench) -> None:
    terms = {"volatility": D(10), "volatility_type": 2, "continuous_update": True}
    bench.place(1, contract=option("C"), order_type="VOL", total_quantity=1, **terms)
    before = stands_at(bench, option("C").con_id)
    bench.move("235")
    bench.step()
    after = stands_at(bench, option("C").con_id)
    assert before is not None and after is not None and after > before + 3


def test_a_protected_stop_of_a_future_trades_within_its_protection(bench: Bench) -> None:
    es = Contract(symbol="ES", sec_type="FUT", exchange="CME", currency="USD", last_trade_date="202612")
    bench.place(1, contract=es, order_type="STP PRT", aux_price="5910", total_quantity=1)
    bench.gateway.move_market("ESZ6", D(5912))
    assert status(bench.received()) == "Filled"


def test_discretion_takes_what_comes_within_reach_and_shows_only_the_limit(bench: Bench) -> None:
    bid, _ = quotes(bench)
    received = bench.place(1, order_type="LMT", lmt_price=bid - D("0.10"), discretionary_amt=D("0.05"))
    assert status(received) == "Submitted"
    assert stands_at(bench) == bid - D("0.10")
    assert only(OpenOrder, received)[0].order.discretionary_amt == D("0.05")
    assert fills(bench.move(str(bid - D("0.05")))) == []
    assert fills(bench.move(str(bid - D("0.06")))) == [(100, bid - D("0.05"))]


def test_discretion_fills_at_once_what_is_in_reach(bench: Bench) -> None:
    _, ask = quotes(bench)
    received = bench.place(1, order_type="LMT", lmt_price=ask - D("0.03"), discretionary_amt=D("0.03"))
    assert fills(received) == [(100, ask)]


def test_an_adjustable_stop_becomes_a_trail_when_its_trigger_is_passed(bench: Bench) -> None:
    terms = {"adjusted_order_type": "TRAIL", "trigger_price": D(235), "adjusted_trailing_amount": D(1)}
    bench.place(1, action="SELL", order_type="STP", aux_price="225", **terms)
    bench.move("234")
    assert only(OpenOrder, bench.step()) == []
    bench.move("236")
    (changed, *_) = only(OpenOrder, bench.step())
    assert (changed.order.order_type, changed.order.aux_price) == ("TRAIL", 1)
    bench.move("240")
    assert status(bench.move("238.80")) == "Filled"


def test_an_adjustable_stop_may_become_another_stop_and_a_restart_knows(bench: Bench) -> None:
    terms = {"adjusted_order_type": "STP", "trigger_price": D(235), "adjusted_stop_price": D(233)}
    bench.place(1, action="SELL", order_type="STP", aux_price="225", **terms)
    bench.move("236")
    bench.step()
    again = Bench()
    for fact in bench.facts:
        again.gateway.state.apply(fact)
    (record,) = again.gateway.state.open.values()
    assert (record.order.aux_price, record.place_count) == (233, 1)
    assert status(bench.move("232.50")) == "Filled"


def test_a_scale_order_gives_up_its_quantity_level_by_level(bench: Bench) -> None:
    levels = {"scale_init_level_size": 50, "scale_subs_level_size": 25, "scale_price_increment": D("0.50")}
    bench.place(1, order_type="LMT", lmt_price="229", **levels)
    assert bench.gateway.exchange.working(AAPL, bench.gateway.state.next_perm_id() - 1) == 50
    assert [shares for shares, _ in fills(bench.move("228.90"))] == [50]
    bench.step()
    assert stands_at(bench) == D("228.50")
    assert [shares for shares, _ in fills(bench.move("228.40"))] == [25]
    bench.step()
    assert stands_at(bench) == D("228.00")
    assert status(bench.move("227")) == "Filled"


@pytest.mark.parametrize("increment", ["0", "0.0", "-1", "-0.5"])
def test_an_increment_that_is_not_above_zero_scales_no_order(bench: Bench, increment: str) -> None:
    bench.place(1, order_type="LMT", lmt_price="229", scale_price_increment=D(increment))
    assert stands_at(bench) == 229
    assert status(bench.move("228.90")) == "Filled"


def test_a_cash_quantity_becomes_whole_units_at_the_price_of_now(bench: Bench) -> None:
    euros = Contract(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
    received = bench.send(place(1, contract=euros, total_quantity=0, cash_qty=D(10_000)))
    (first, *_) = only(OpenOrder, received)
    assert (first.order.total_quantity, first.order.cash_qty) == (9_216, 10_000)
    assert status(received) == "Filled"


def test_a_cash_quantity_of_an_instrument_without_is_refused(bench: Bench) -> None:
    es = Contract(symbol="ES", sec_type="FUT", exchange="CME", currency="USD", last_trade_date="202612")
    assert errors(bench.place(1, contract=es, total_quantity=0, cash_qty=D(10_000))) == [10244]


def test_prices_keep_the_increments_of_their_market_rule() -> None:
    siemens = next(i for i in UNIVERSE.instruments.values() if i.symbol == "SIE")
    for price in ("0.5", "3", "15", "99.95", "150", "260"):
        up = siemens.next_tick(siemens.round_to_tick(D(price)), up=True)
        assert siemens.is_on_tick(up)
        assert siemens.next_tick(up, up=False) == siemens.round_to_tick(D(price))


def test_makers_quote_on_the_ticks_of_the_market_rule(bench: Bench) -> None:
    siemens = next(i for i in UNIVERSE.instruments.values() if i.symbol == "SIE")
    for price in ("9.99", "50.00", "199.90"):
        bench.gateway.move_market("SIE", D(price))
        book = bench.gateway.exchange.market(siemens.con_id).book
        assert all(siemens.is_on_tick(known) for side in Side for known in book.sides[side].prices())


def test_crypto_is_bought_at_the_market_for_an_amount_of_money(bench: Bench) -> None:
    bitcoin = contract("BTC", sec_type="CRYPTO", exchange="PAXOS")
    assert errors(bench.send(place(1, contract=bitcoin, total_quantity="0.1", tif="IOC"))) == [10289]
    received = bench.send(place(1, contract=bitcoin, total_quantity=0, cash_qty=D(960), tif="IOC"))
    assert 10289 not in errors(received)
    (record,) = bench.gateway.state.orders.values()
    assert D("0.0090") < record.quantity <= D("0.0100")


def test_a_fraction_of_a_share_is_refused_however_it_is_asked(bench: Bench) -> None:
    assert errors(bench.place(1, total_quantity="0.5")) == [10243]
    assert errors(bench.place(1, total_quantity="10.5", order_type="LMT", lmt_price="200")) == [10243]
