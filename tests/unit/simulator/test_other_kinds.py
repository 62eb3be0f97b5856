"""Class shares, options on futures, CFDs, funds, metals and bonds, as contract details know them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire.records import Contract
from brokers.simulator.wire.server import ContractData, ErrMsg, ExecutionData
from brokers.simulator.wire.server_reference import BondContractData
from tests.unit.simulator.kit import AAPL, Bench, errors, only


@pytest.fixture
def bench() -> Bench:
    return Bench()


def details(bench: Bench, **fields: Any) -> list[ContractData]:
    asked = requests.ReqContractData(req_id=7, contract=Contract(**fields))
    return only(ContractData, bench.send(asked))


def test_a_class_share_is_written_with_a_space(bench: Bench) -> None:
    share = {"sec_type": "STK", "exchange": "SMART", "currency": "USD"}
    (found,) = details(bench, symbol="BRK B", **share)
    assert (found.contract.con_id, found.contract.local_symbol) == (72063691, "BRK B")
    for wrong in ("BRK.B", "BRK/B", "BRKB"):
        assert errors(bench.place(1, contract=Contract(symbol=wrong, **share))) == [200]


def test_a_share_and_the_cfd_on_it_have_one_ticker_and_two_con_ids(bench: Bench) -> None:
    (cfd,) = details(bench, symbol="AAPL", sec_type="CFD", exchange="SMART", currency="USD")
    assert cfd.contract.con_id != AAPL
    assert (cfd.under_con_id, cfd.under_sec_type) == (AAPL, "STK")
    what = Contract(symbol="AAPL", sec_type="CFD", exchange="SMART", currency="USD")
    (fill,) = only(ExecutionData, bench.place(1, contract=what))
    assert (fill.contract.con_id, fill.contract.sec_type) == (cfd.contract.con_id, "CFD")
    bench.gateway.move_market("AAPL", Decimal(231))
    assert [i.sec_type for i in bench.gateway.universe.symbols("AAPL")] == ["STK"]


def test_options_on_a_future_end_with_it(bench: Bench) -> None:
    chain = details(bench, symbol="ES", sec_type="FOP", exchange="CME", last_trade_date="202612")
    future = bench.gateway.universe[515416632]
    assert {row.under_con_id for row in chain} == {future.con_id}
    assert {row.contract.last_trade_date for row in chain} == {"20261218 08:30:00 US/Central"}
    assert chain[0].contract.local_symbol == "ESZ6 C5600"
    assert chain[0].contract.multiplier == "50"
    what = Contract(local_symbol="ESZ6 C5900", sec_type="FOP", exchange="CME", currency="USD")
    (fill,) = only(ExecutionData, bench.place(1, contract=what, total_quantity=1))
    assert (fill.contract.sec_type, fill.contract.right) == ("FOP", "C")


def test_a_bond_goes_by_its_cusip(bench: Bench) -> None:
    for fields in (
        {"symbol": "91282CJZ5"},
        {"symbol": "US-T"},
        {"sec_id_type": "CUSIP", "sec_id": "91282CJZ5"},
    ):
        asked = Contract(sec_type="BOND", exchange="SMART", **fields)
        answers = bench.send(requests.ReqContractData(req_id=7, contract=asked))
        (bond,) = only(BondContractData, answers)
        assert bond.cusip == "91282CJZ5"


def test_a_fund_is_described_and_not_for_trading(bench: Bench) -> None:
    what: dict[str, Any] = {"symbol": "VFINX", "sec_type": "FUND", "exchange": "FUNDSERV", "currency": "USD"}
    (fund,) = details(bench, **what)
    assert fund.fund.family == "Vanguard"
    assert errors(bench.place(1, contract=Contract(**what))) == [201]


def test_gold_is_a_commodity(bench: Bench) -> None:
    (gold,) = details(bench, symbol="XAUUSD", sec_type="CMDTY", exchange="SMART", currency="USD")
    assert (gold.contract.con_id, gold.contract.sec_type) == (69067924, "CMDTY")


@pytest.mark.parametrize(
    ("tif", "codes"),
    [("IOC", []), ("GTC", []), ("DAY", []), ("Minutes", []), ("FOK", [10052]), ("OPG", [10052])],
)
def test_crypto_is_not_for_every_time_in_force(bench: Bench, tif: str, codes: list[int]) -> None:
    what = Contract(symbol="BTC", sec_type="CRYPTO", exchange="PAXOS", currency="USD")
    received = bench.place(
        1, contract=what, total_quantity="0.5", order_type="LMT", lmt_price="90000", tif=tif
    )
    found = [error.code for error in only(ErrMsg, received) if error.code != 202]
    assert found == codes


def test_minutes_are_five(bench: Bench) -> None:
    what = Contract(symbol="BTC", sec_type="CRYPTO", exchange="PAXOS", currency="USD")
    bench.place(1, contract=what, total_quantity="0.5", order_type="LMT", lmt_price="90000", tif="Minutes")
    assert not bench.skip(timedelta(minutes=4, seconds=59))
    assert "Cancelled" in str(bench.skip(timedelta(seconds=1)))
    assert errors(bench.place(2, order_type="LMT", lmt_price="200", tif="Minutes")) == [10052]
