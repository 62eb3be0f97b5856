"""Every order type and attribute does in the market what its name says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.exchange.book import Side
from brokers.simulator.gateway.accounts.valuation import Valuation
from brokers.simulator.gateway.gateway import STARTING_CASH
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.records import Contract, Record, TagValue
from brokers.simulator.wire.server import ExecutionData, OrderStatus
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, errors, only, place, story


@pytest.fixture
def bench() -> Bench:
    return Bench()


def status(messages: list[Record]) -> str:
    return only(OrderStatus, messages)[-1].status


def filled(messages: list[Record]) -> Decimal:
    return sum((m.execution.shares or Decimal(0) for m in only(ExecutionData, messages)), start=Decimal(0))


def trail(**terms: Any) -> dict[str, Any]:
    numbers = ("trail_stop_price", "trailing_percent", "lmt_price_offset", "percent_offset")
    return {name: Decimal(str(value)) if name in numbers else value for name, value in terms.items()}


# -- orders that wait for a price ----------------------------------------------------------------------


def test_a_buy_if_touched_order_waits_for_a_lower_price(bench: Bench) -> None:
    waiting = bench.place(1, order_type="MIT", aux_price="228")
    assert only(OrderStatus, waiting)[-1].why_held == "trigger"
    assert bench.move("231") == []
    assert status(bench.move("227.50")) == "Filled"


@pytest.mark.parametrize(
    ("method", "price", "elects"),
    [
        # Quotes are a cent on either side of the trade between others.
        (0, "232.00", True),
        (2, "232.00", True),
        (4, "232.00", False),
        (4, "232.01", True),
        (7, "232.00", True),
        (8, "231.99", False),
        (8, "232.00", True),
        (3, "232.00", False),
        (1, "232.01", False),
    ],
)
def test_a_stop_watches_what_its_trigger_method_says(
    bench: Bench, method: int, price: str, elects: bool
) -> None:
    bench.place(1, order_type="STP", aux_price="232", trigger_method=method)
    received = bench.move(price)
    assert bool(only(ExecutionData, received)) == elects


@pytest.mark.parametrize("method", [1, 3])
def test_a_double_method_wants_to_see_the_price_twice(bench: Bench, method: int) -> None:
    bench.place(1, order_type="STP", aux_price="232", trigger_method=method)
    assert not only(ExecutionData, bench.move("232.05"))
    assert status(bench.move("232.06")) == "Filled"


def test_an_unknown_trigger_method_is_refused(bench: Bench) -> None:
    assert errors(bench.place(1, order_type="STP", aux_price="232", trigger_method=5)) == [321]


def test_a_limit_if_touched_order_rests_at_its_limit_once_touched(bench: Bench) -> None:
    bench.place(1, order_type="LIT", aux_price="228", lmt_price="226")
    assert status(bench.move("227.50")) == "Submitted"
    assert status(bench.move("225")) == "Filled"


def test_a_trailing_stop_follows_the_rise_and_sells_on_the_fall(bench: Bench) -> None:
    received = bench.place(1, action="SELL", order_type="TRAIL", aux_price="2")
    assert only(OpenOrder, received)[-1].order.trail_stop_price == 228
    assert only(OpenOrder, bench.move("235"))[-1].order.trail_stop_price == 233
    assert bench.move("233.50") == []
    assert status(bench.move("232.90")) == "Filled"


def test_a_trail_in_percent_widens_with_the_price(bench: Bench) -> None:
    bench.place(1, action="SELL", order_type="TRAIL", **trail(trailing_percent=1))
    moved = only(OpenOrder, bench.move("240"))[-1].order
    assert moved.trail_stop_price == Decimal("237.60")


def test_a_trailing_stop_limit_carries_its_limit_along(bench: Bench) -> None:
    terms = trail(trail_stop_price=228, lmt_price_offset="0.5")
    bench.place(1, action="SELL", order_type="TRAIL LIMIT", aux_price="2", **terms)
    moved = only(OpenOrder, bench.move("235"))[-1].order
    assert (moved.trail_stop_price, moved.lmt_price) == (233, Decimal("232.5"))
    assert status(bench.move("231")) == "Submitted"  # the market has passed the limit
    assert status(bench.move("232.60")) == "Filled"


def test_a_trailing_stop_keeps_its_trigger_over_a_restart(bench: Bench) -> None:
    bench.place(1, action="SELL", order_type="TRAIL", aux_price="2")
    bench.move("235")
    again = Bench()
    for fact in bench.facts:
        again.gateway.state.apply(fact)
    again.gateway._orders.readmit()
    assert status(again.move("232")) == "Filled"


# -- orders whose price follows the market ---------------------------------------------------------------


def test_a_relative_order_stays_ahead_of_the_best_bid(bench: Bench) -> None:
    bench.place(1, order_type="REL", aux_price="0.01", total_quantity=50)
    book = bench.gateway.exchange.market(AAPL).book
    assert book.bid == Decimal("230.00")
    bench.move("233")
    assert book.bid == Decimal("233.00")


def test_a_relative_order_never_goes_beyond_its_cap(bench: Bench) -> None:
    bench.place(1, order_type="REL", aux_price="0.01", lmt_price="230.50")
    bench.move("233")
    market = bench.gateway.exchange.market(AAPL)
    (order,) = market.orders.values()
    assert order.book_order.price == Decimal("230.50")


def test_midprice_orders_meet_in_the_middle(bench: Bench) -> None:
    bench.place(1, order_type="MIDPRICE")
    received = bench.place(2, action="SELL", order_type="MIDPRICE")
    assert only(ExecutionData, received)[0].execution.price == 230


def test_market_to_limit_rests_its_remainder_at_the_fill_price(bench: Bench) -> None:
    received = bench.place(1, order_type="MTL", total_quantity=5_000)
    assert {m.execution.price for m in only(ExecutionData, received)} == {Decimal("230.01")}
    (rest,) = only(OpenOrder, bench.send(requests.ReqOpenOrders()))
    assert rest.order.lmt_price == Decimal("230.01")
    assert 0 < filled(received) < 5_000


# -- how much may trade, how much is shown ----------------------------------------------------------------


def test_an_iceberg_shows_its_tip_and_fills_whole(bench: Bench) -> None:
    bench.place(1, order_type="LMT", lmt_price="230.00", total_quantity=1000, display_size=100)
    book = bench.gateway.exchange.market(AAPL).book
    assert (book.bid, book.quantity_at(Side.BUY, book.bid)) == (230, 100)
    received = bench.place(2, action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=1000)
    assert only(OrderStatus, received)[-1].status == "Filled"


def test_a_used_up_tip_goes_behind_the_others_at_its_price(bench: Bench) -> None:
    bench.place(1, order_type="LMT", lmt_price="230.00", total_quantity=300, display_size=100)
    bench.place(2, order_type="LMT", lmt_price="230.00", total_quantity=100)
    received = bench.place(3, action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=200)
    by_order = [m.order_id for m in only(ExecutionData, received) if m.order_id != 3]
    assert by_order == [1, 2]


def test_a_hidden_order_is_not_quoted_but_trades_first(bench: Bench) -> None:
    book = bench.gateway.exchange.market(AAPL).book
    bench.place(1, order_type="LMT", lmt_price="230.00", hidden=True)
    assert book.bid == Decimal("229.99")
    received = bench.place(2, action="SELL")
    assert only(ExecutionData, received)[0].execution.price == 230


def test_all_or_none_waits_until_everything_is_there(bench: Bench) -> None:
    bench.place(1, order_type="LMT", lmt_price="230.00", total_quantity=500, all_or_none=True)
    part = bench.place(2, action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=400)
    assert filled(part) == 0
    rest = bench.place(3, action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=100)
    assert sum(m.execution.shares or 0 for m in only(ExecutionData, rest) if m.order_id == 1) == 500


def test_a_minimum_quantity_holds_for_the_first_fill_only(bench: Bench) -> None:
    bench.place(1, order_type="LMT", lmt_price="230.00", total_quantity=300, min_qty=200)
    assert filled(bench.place(2, action="SELL", order_type="LMT", lmt_price="230.00")) == 0
    assert filled(bench.place(3, action="SELL", order_type="LMT", lmt_price="230.00")) > 0
    received = bench.place(4, action="SELL", order_type="LMT", lmt_price="230.00", total_quantity=50)
    assert only(ExecutionData, received)[0].order_id == 1


# -- time ----------------------------------------------------------------------------------------------


def test_a_good_till_date_order_expires_at_its_time(bench: Bench) -> None:
    terms = {"order_type": "LMT", "lmt_price": "200", "tif": "GTD"}
    bench.place(1, **terms, good_till_date="20261123-13:00:00")
    assert bench.skip(timedelta(minutes=59)) == []
    assert story(bench.skip(timedelta(minutes=2)))[-2:] == ["OrderStatus Cancelled", "ErrMsg 202"]


def test_an_order_is_not_worked_before_its_good_after_time(bench: Bench) -> None:
    received = bench.place(1, good_after_time="20261123 08:00:00 US/Eastern")
    assert story(received) == ["OpenOrder PreSubmitted", "OrderStatus PreSubmitted"]
    assert status(bench.skip(timedelta(hours=1, minutes=1))) == "Filled"


# -- algorithms ----------------------------------------------------------------------------------------


def algo(strategy: str, **params: str) -> dict[str, Any]:
    values = tuple(TagValue(tag=tag, value=value) for tag, value in params.items())
    return {"algo_strategy": strategy, "algo_params": values}


def test_an_adaptive_order_works_its_quantity_off_in_slices(bench: Bench) -> None:
    first = bench.place(1, total_quantity=400, **algo("Adaptive", adaptivePriority="Normal"))
    assert filled(first) == 20
    assert filled(bench.step(25)) == 200
    assert status(bench.step(40)) == "Filled"


def test_a_twap_works_between_its_start_and_its_end(bench: Bench) -> None:
    times = {"startTime": "20261123-12:10:00", "endTime": "20261123-12:20:00"}
    bench.place(1, total_quantity=200, **algo("Twap", **times))
    assert filled(bench.skip(timedelta(minutes=9))) == 0
    assert filled(bench.skip(timedelta(minutes=6))) == 110
    assert status(bench.skip(timedelta(minutes=6))) == "Filled"


def test_an_algorithm_never_fills_more_than_its_order(bench: Bench) -> None:
    received = bench.place(1, total_quantity=7, **algo("Adaptive", adaptivePriority="Urgent"))
    for _ in range(20):
        received += bench.step()
    assert filled(received) == 7


# -- money -----------------------------------------------------------------------------------------------


def test_an_order_beyond_the_accounts_means_is_rejected_with_201(bench: Bench) -> None:
    received = bench.place(1, total_quantity=50_000)
    assert story(received) == ["OpenOrder Inactive", "OrderStatus Inactive", "ErrMsg 201"]


def test_open_orders_count_for_the_margin_of_the_next(bench: Bench) -> None:
    """Of the account's million 8,000 open shares need 460,000."""
    for order_id in (1, 2):
        assert not errors(bench.place(order_id, order_type="LMT", lmt_price="200", total_quantity=8_000))
    assert errors(bench.place(3, order_type="LMT", lmt_price="200", total_quantity=8_000)) == [201]
    bench.cancel(2)
    assert not errors(bench.place(4, order_type="LMT", lmt_price="200", total_quantity=8_000))


def test_buying_and_selling_orders_do_not_add_up(bench: Bench) -> None:
    assert not errors(bench.place(1, order_type="LMT", lmt_price="200", total_quantity=15_000))
    sells = {"action": "SELL", "order_type": "LMT", "lmt_price": "250"}
    assert not errors(bench.place(2, **sells, total_quantity=14_000))


def test_what_open_orders_need_is_known_after_a_restart(bench: Bench) -> None:
    bench.place(1, order_type="LMT", lmt_price="200", total_quantity=15_000)
    again = Bench()
    again.gateway.state.apply(bench.gateway.state.snapshot())
    link = again.connect(7)
    assert errors(again.place(1, link, order_type="LMT", lmt_price="200", total_quantity=8_000)) == [201]


def test_an_order_that_closes_a_position_needs_no_margin(bench: Bench) -> None:
    bench.place(1, total_quantity=15_000)
    bench.step(60)
    assert errors(bench.place(2, total_quantity=15_000)) == [201]
    assert errors(bench.place(3, action="SELL", total_quantity=15_000)) == []


def test_outside_rth_on_a_market_order_is_ignored_with_a_notice(bench: Bench) -> None:
    assert errors(bench.send(place(1, outside_rth=True))) == [2109]


# -- other instruments ----------------------------------------------------------------------------------


def con_id(sec_type: str, symbol: str) -> int:
    return next(
        i.con_id for i in UNIVERSE.instruments.values() if (i.sec_type, i.symbol) == (sec_type, symbol)
    )


@pytest.mark.parametrize(("price", "codes"), [("2.95", []), ("3.05", [110]), ("3.10", [])])
def test_ticks_are_wider_where_the_market_rule_says_so(bench: Bench, price: str, codes: list[int]) -> None:
    option = Contract(con_id=con_id("OPT", "SPX"), exchange="CBOE")
    received = bench.place(1, contract=option, order_type="LMT", lmt_price=price, total_quantity=1)
    assert errors(received) == codes


def test_an_index_is_not_for_trading(bench: Bench) -> None:
    index = con_id("IND", "SPX")
    assert errors(bench.place(1, contract=Contract(con_id=index, exchange="CBOE"))) == [201]


def test_wealth_is_what_it_was_plus_profits_in_every_currency(bench: Bench) -> None:
    traded = [AAPL, con_id("STK", "INFY"), con_id("FUT", "ES"), con_id("OPT", "AAPL")]
    for number, asset in enumerate(traded, start=1):
        what = Contract(con_id=asset, exchange=UNIVERSE[asset].exchange)
        bench.place(number, contract=what, total_quantity=10)
        bench.place(number + 10, contract=what, total_quantity=4, action="SELL")
    bench.move("233")
    (account,) = bench.gateway.state.accounts.values()
    valuation = Valuation(bench.gateway.exchange)
    profits = sum(
        ((item.unrealized + item.position.realized) * valuation.rate(item.instrument))
        for item in valuation.holdings(account)
    )
    assert len(account.positions) == len(traded)
    assert valuation.totals(account).net_liquidation == STARTING_CASH + profits
