"""The cost of trading against a published example: Perold's shortfall, recomputed with all its parts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.reports.cost.costs import (
    Fill,
    Traded,
    realised_spread,
    shortfall,
    slippage_bps,
    spread_paid,
    twap,
    vwap,
)

EXAMPLE = Traded(
    side="BUY",
    order_qty=D(1000),
    fills=[Fill(qty=D(300), px=D("50.15")), Fill(qty=D(400), px=D("50.25"))],
    decision_px=D("50.00"),
    arrival_px=D("50.10"),
    end_px=D("50.40"),
    fees=D(7),
)
PRINTS = [(2000, "50.10"), (5000, "50.20"), (3000, "50.30")]


def test_the_published_example_costs_272_which_is_54_4_bps() -> None:
    cost = shortfall(EXAMPLE)
    assert (cost.delay, cost.trading, cost.opportunity, cost.fees) == (70, 75, 120, 7)
    assert (cost.total, cost.bps) == (272, D("54.4"))
    assert round(EXAMPLE.avg_px or D(0), 9) == D("50.207142857")


def test_the_parts_are_what_paper_earned_and_we_did_not() -> None:
    paper = 1000 * (D("50.40") - 50)
    real = 700 * D("50.40") - 300 * D("50.15") - 400 * D("50.25") - 7
    assert shortfall(EXAMPLE).total == paper - real == 272


def test_slippage_against_arrival_vwap_and_twap_of_the_example() -> None:
    px = EXAMPLE.avg_px
    market = vwap(Fill(qty=D(qty), px=D(at)) for qty, at in PRINTS)
    bars = twap([D("50.10"), D("50.20"), D("50.30"), D("50.40")])
    assert (market, bars) == (D("50.21"), D("50.25"))
    found = [slippage_bps("BUY", px, benchmark) for benchmark in (D("50.10"), market, bars)]
    assert [round(bps or D(0), 3) for bps in found] == [D("21.386"), D("-0.569"), D("-8.529")]


def test_the_spread_of_the_example_is_captured_by_minus_two_thirds() -> None:
    paid = spread_paid("BUY", D("50.25"), D("50.20"), D("50.26"))
    assert paid is not None
    assert (paid.effective, paid.quoted) == (D("0.04"), D("0.06"))
    assert [round(one or D(0), 3) for one in (paid.ratio, paid.capture)] == [D("0.667"), D("-0.667")]
    later = realised_spread("BUY", D("50.25"), D("50.23"), D("50.30"))
    assert (later.realised, later.impact) == (D("-0.10"), D("0.14"))


@pytest.mark.parametrize("unknown", ["decision_px", "arrival_px", "end_px", "fees"])
def test_a_price_that_is_not_known_makes_null_never_zero(unknown: str) -> None:
    cost = shortfall(replace(EXAMPLE, **{unknown: None}))
    assert cost.total is None
    assert cost.bps is None


def test_an_order_filled_whole_needs_no_end_price_and_an_empty_one_no_arrival() -> None:
    whole = shortfall(replace(EXAMPLE, order_qty=D(700), end_px=None))
    assert (whole.opportunity, whole.total) == (0, 152)
    empty = shortfall(replace(EXAMPLE, fills=[], arrival_px=None, fees=D(0)))
    assert (empty.delay, empty.trading, empty.total) == (0, 0, 400)


def test_a_price_that_is_not_above_zero_has_money_but_no_basis_points() -> None:
    cost = shortfall(replace(EXAMPLE, decision_px=D(-1)))
    assert cost.total is not None
    assert cost.bps is None


def test_a_quote_without_both_sides_or_without_width_has_no_ratio() -> None:
    assert spread_paid("SELL", D(10), None, D(11)) is None
    crossed = spread_paid("SELL", D(10), D(11), D(11))
    assert crossed is not None
    assert (crossed.effective, crossed.ratio) == (2, None)


def test_an_interval_with_a_bar_without_price_has_no_twap_and_no_print_no_vwap() -> None:
    assert twap([D(1), None]) is twap([]) is vwap([]) is None


prices = st.decimals(min_value="0.01", max_value="1000", places=2)
quantities = st.integers(min_value=1, max_value=500)


@given(
    st.sampled_from(["BUY", "SELL", "SELL_SHORT"]),
    st.lists(st.tuples(quantities, prices), max_size=5),
    st.integers(min_value=0, max_value=500),
    st.tuples(prices, prices, prices),
    st.sampled_from([D(1), D(50), D("0.5")]),
)
def test_the_parts_always_add_up_to_perolds_definition(side, fills, left, marks, multiplier) -> None:  # type: ignore[no-untyped-def]
    rows = [Fill(qty=D(qty), px=px) for qty, px in fills]
    filled = sum((row.qty for row in rows), D(0))
    decision, arrival, end = marks
    total = filled + left or D(1)
    order = Traded(side=side, order_qty=total, fills=rows, decision_px=decision, arrival_px=arrival,
                   end_px=end, fees=D(3), multiplier=multiplier)  # fmt: skip
    sign = 1 if side == "BUY" else -1
    paid = sum((row.qty * row.px for row in rows), D(0))
    perold = sign * multiplier * (total * (end - decision) - (filled * end - paid)) + 3
    assert abs((shortfall(order).total or D(0)) - perold) < D("0.0000001")
