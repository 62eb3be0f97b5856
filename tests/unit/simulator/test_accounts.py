"""Positions, average cost, cash and commissions add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.exchange.accounts import Account
from tests.unit.simulator.kit import AAPL, UNIVERSE

ES, INFY, EURUSD = 515416632, 44652017, 12087792
START = Decimal(1_000_000)


def account() -> Account:
    return Account(name="DU1", cash={"USD": START}, positions={})


def trade(owner: Account, con_id: int, quantity: int, price: str, commission: str = "1") -> Decimal | None:
    return owner.trade(UNIVERSE[con_id], Decimal(quantity), Decimal(price), Decimal(commission))


def test_average_cost_includes_commissions() -> None:
    owner = account()
    assert trade(owner, AAPL, 100, "10") is None
    assert owner.positions[AAPL].average_cost == Decimal("10.01")
    assert owner.cash["USD"] == START - 1001


def test_closing_realizes_the_difference_net_of_both_commissions() -> None:
    owner = account()
    trade(owner, AAPL, 100, "10")
    assert trade(owner, AAPL, -40, "12") == 40 * 2 - Decimal("0.4") - 1
    assert owner.positions[AAPL].quantity == 60
    assert owner.positions[AAPL].average_cost == Decimal("10.01")


def test_a_short_is_closed_by_buying() -> None:
    owner = account()
    trade(owner, AAPL, -100, "10")
    assert owner.positions[AAPL].average_cost == Decimal("9.99")
    assert trade(owner, AAPL, 100, "9") == 100 - 2
    assert owner.cash["USD"] == START + 98


def test_crossing_zero_closes_and_opens_in_one_trade() -> None:
    owner = account()
    trade(owner, AAPL, 100, "10", "0")
    assert trade(owner, AAPL, -150, "11", "0") == 100
    assert owner.positions[AAPL].quantity == -50
    assert owner.positions[AAPL].average_cost == 11


def test_futures_move_cash_only_by_what_they_realize() -> None:
    owner = account()
    trade(owner, ES, 2, "5900", "4.50")
    assert owner.reported_cash(UNIVERSE.instruments)["USD"] == START
    assert trade(owner, ES, -2, "5901", "4.50") == 2 * 50 - 9
    assert owner.reported_cash(UNIVERSE.instruments)["USD"] == START + 91


def test_a_currency_pair_exchanges_cash() -> None:
    owner = account()
    trade(owner, EURUSD, 10_000, "1.1", "2")
    assert owner.cash == {"USD": START - 11_002, "EUR": Decimal(10_000)}


TRADES = st.lists(
    st.tuples(
        st.sampled_from([AAPL, ES, INFY]),
        st.integers(-500, 500).filter(bool),
        st.decimals("1", "9999", places=2),
        st.decimals("0", "50", places=6),
    ),
    max_size=25,
)


@given(trades=TRADES)
def test_cash_equals_realized_profit_less_what_open_positions_cost(
    trades: list[tuple[int, int, Decimal, Decimal]],
) -> None:
    owner = account()
    for con_id, quantity, price, commission in trades:
        owner.trade(UNIVERSE[con_id], Decimal(quantity), price, commission)
    for currency in ("USD", "INR"):
        held = [p for con_id, p in owner.positions.items() if UNIVERSE[con_id].currency == currency]
        moved = owner.cash.get(currency, Decimal(0)) - (START if currency == "USD" else 0)
        assert moved == sum(p.realized - p.basis for p in held)


@given(trades=TRADES)
def test_a_position_is_the_sum_of_its_trades(
    trades: list[tuple[int, int, Decimal, Decimal]],
) -> None:
    owner = account()
    for con_id, quantity, price, commission in trades:
        owner.trade(UNIVERSE[con_id], Decimal(quantity), price, commission)
    for con_id, position in owner.positions.items():
        assert position.quantity == sum(quantity for found, quantity, *_ in trades if found == con_id)
        if not position.quantity:
            assert position.basis == 0


@pytest.mark.parametrize(
    ("con_id", "quantity", "price", "commission"),
    [
        (AAPL, "100", "230", "1"),  # the minimum
        (AAPL, "1000", "230", "5"),  # 0.005 a share
        (AAPL, "10", "0.50", "0.05"),  # 1 % of the value wins over the minimum
        (ES, "2", "5900", "4.5"),
        (EURUSD, "20000", "1.085", "2"),
        (EURUSD, "1000000", "1.085", "21.7"),
        (INFY, "10", "1850", "6"),
        (INFY, "1000", "1850", "20"),
    ],
)
def test_commissions_follow_the_fixed_plan(con_id: int, quantity: str, price: str, commission: str) -> None:
    instrument = UNIVERSE[con_id]
    value = Decimal(quantity) * Decimal(price) * instrument.multiplier
    assert instrument.commission.total(Decimal(quantity), value) == Decimal(commission)
