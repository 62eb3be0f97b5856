"""Months of futures and options roll with the clock; what has expired stays known by its con_id."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from brokers.simulator.exchange.instruments import ContractQuery, Instrument, Universe
from brokers.simulator.exchange.universe import load_universe
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.server import ContractData
from tests.unit.simulator.kit import Bench, contract, only, place

ES = ContractQuery(symbol="ES", sec_type="FUT", exchange="CME")
CALLS = ContractQuery(symbol="AAPL", sec_type="OPT", exchange="SMART", strike=Decimal(230), right="C")


def months(universe: Universe, query: ContractQuery) -> list[str]:
    return [instrument.expiry[:6] for instrument in universe.find(query)]


@pytest.mark.parametrize(
    ("today", "futures", "options"),
    [
        (date(2026, 11, 28), ["202612", "202703", "202706", "202709"], ["202612", "202701", "202703"]),
        (date(2026, 12, 18), ["202612", "202703", "202706", "202709"], ["202612", "202701", "202703"]),
        (date(2026, 12, 19), ["202703", "202706", "202709", "202712"], ["202701", "202702", "202703"]),
        (date(2031, 5, 2), ["203106", "203109", "203112", "203203"], ["203105", "203106", "203109"]),
    ],
)
def test_the_next_months_are_listed_on_any_day(today: date, futures: list[str], options: list[str]) -> None:
    universe = load_universe(today=today)
    assert months(universe, ES) == futures
    assert sorted(months(universe, CALLS)) == options


@pytest.mark.parametrize("years", [0, 1, 5, 11])
def test_every_future_has_months_on_any_day(years: int) -> None:
    today = date(2026, 11, 28) + timedelta(days=366 * years)
    universe = load_universe(today=today)
    futures = [i for i in universe.instruments.values() if i.sec_type == "FUT"]
    assert {i.symbol for i in futures} == {i.symbol for i in futures if universe.is_listed(i)}
    assert all(i.is_on_tick(i.price) and i.price > 0 for i in universe.instruments.values() if i.is_tradable)


def test_names_con_ids_and_prices_are_the_same_on_every_later_day() -> None:
    known: dict[int, Instrument] = {}
    for days in range(0, 1200, 60):
        listed = load_universe(today=date(2026, 11, 28) + timedelta(days=days)).instruments
        assert known.items() <= listed.items()
        known = dict(listed)


def test_a_month_expires_while_the_gateway_runs() -> None:
    bench = Bench(universe=load_universe(today=date(2026, 11, 23)))
    front = contract("ES", sec_type="FUT", exchange="CME", last_trade_date="202612")
    bench.place(1, contract=front)
    held = bench.gateway.universe.find(ES)[0].con_id
    bench.skip(timedelta(days=26))
    assert held not in [i.con_id for i in bench.gateway.universe.find(ES)]
    assert bench.gateway.universe[held].local_symbol == "ESZ6"
    asked = requests.ReqContractData(req_id=7, contract=front, include_expired=True)
    assert [row.contract.con_id for row in only(ContractData, bench.send(asked))] == [held]
    (refused,) = bench.send(place(2, contract=front))
    assert "No security definition" in str(refused)


def test_futures_are_listed_in_the_order_of_their_expiries() -> None:
    universe = load_universe(today=date(2028, 2, 1))
    expiries = [i.expiry for i in universe.find(ES)]
    assert all(earlier < later for earlier, later in pairwise(expiries))
