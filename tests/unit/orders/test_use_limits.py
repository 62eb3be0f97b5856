"""Limits on what an account does as a whole: in pieces nobody gets more than at once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.risk.use import Asked, Content, Demand, Use, UseLimits, use_checks

AAPL, MSFT = 1, 2
CONTENT = Content("A", AAPL, True, Decimal(10), "LIMIT", Decimal(100), None)
sides = st.sampled_from([1, -1])
quantities = st.integers(1, 50).map(Decimal)


def asked(sign: int = 1, quantity: Decimal | int = 10, con_id: int = AAPL, **changes: object) -> Asked:
    content = replace(CONTENT, buys=sign > 0, order_qty=Decimal(quantity), instrument=con_id, **changes)  # type: ignore[arg-type]
    return Asked(content=content, contracts={con_id: Decimal(sign)})


def passes(demand: Demand, limits: UseLimits, use: Use) -> bool:
    return all(check.passed for check in use_checks(demand, limits, use))


orders = st.builds(asked, sides, quantities, st.sampled_from([AAPL, MSFT]))
limits = st.builds(
    UseLimits,
    max_position_qty=st.none() | st.integers(0, 120).map(Decimal),
    max_open_orders=st.none() | st.integers(0, 6),
    max_orders_per_minute=st.none() | st.integers(0, 6),
    max_duplicates_per_minute=st.none() | st.integers(0, 3),
)


@given(st.lists(orders, min_size=1, max_size=8), limits)
def test_what_fails_whole_does_not_pass_in_pieces(pieces: list[Asked], rules: UseLimits) -> None:
    whole, use = passes(Demand(orders=pieces), rules, Use()), Use()
    granted = []
    for piece in pieces:
        demand = Demand(orders=[piece])
        granted.append(passes(demand, rules, use))
        if granted[-1]:
            use.add(demand)
    assert all(granted) == whole


@given(st.lists(orders, max_size=8), orders, limits)
def test_what_is_granted_is_never_beyond_a_limit(before: list[Asked], last: Asked, rules: UseLimits) -> None:
    use = Use()
    for order in [*before, last]:
        if passes(Demand(orders=[order]), rules, use):
            use.add(Demand(orders=[order]))
    assert rules.max_open_orders is None or use.open_orders["A"] <= rules.max_open_orders
    if (most := rules.max_position_qty) is not None:
        assert all(worst <= most for worst in use.longs.values())
        assert all(-worst <= most for worst in use.shorts.values())


def test_an_order_that_shrinks_a_position_beyond_its_limit_passes() -> None:
    rules, use = UseLimits(max_position_qty=Decimal(10)), Use(longs={("A", AAPL): Decimal(50)})
    use.shorts["A", AAPL] = Decimal(50)
    assert passes(Demand(orders=[asked(-1, 50)]), rules, use)
    assert not passes(Demand(orders=[asked(-1, 61)]), rules, use)
    assert not passes(Demand(orders=[asked(1, 1)]), rules, use)


def test_of_alternatives_the_largest_counts() -> None:
    rules, both = UseLimits(max_position_qty=Decimal(10)), [asked(1, 10), asked(1, 7, price=Decimal(90))]
    assert passes(Demand(orders=both, alternatives=True), rules, Use())
    assert not passes(Demand(orders=both), rules, Use())


def test_a_combination_counts_by_its_legs() -> None:
    spread = Asked(content=CONTENT, contracts={AAPL: Decimal(1), MSFT: Decimal(-2)})
    checks = use_checks(Demand(orders=[spread]), UseLimits(max_position_qty=Decimal(15)), Use())
    assert [check.value.split()[0] for check in checks if not check.passed] == ["-20"]


@pytest.mark.parametrize(
    ("sign", "changes", "crosses"),
    [
        (1, {"price": Decimal(101)}, True),
        (1, {"price": Decimal(100)}, True),
        (1, {"price": Decimal(99)}, False),
        (1, {"price": None, "ord_type": "MARKET"}, True),
        (1, {"price": Decimal(101), "stop_px": Decimal(101)}, False),
        (-1, {"price": Decimal(99)}, False),
    ],
)
def test_a_buy_at_an_own_offer_trades_with_ourselves(
    sign: int, changes: dict[str, object], crosses: bool
) -> None:
    use = Use(asks={AAPL: Decimal(100)})
    demand = Demand(orders=[asked(sign, **changes)])  # type: ignore[arg-type]
    assert passes(demand, UseLimits(refuse_self_trade=True), use) is not crosses
