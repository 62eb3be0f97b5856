"""Accounts, market data, contract details, and the link to IB."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.simulator.faults.fault import Fault
from brokers.simulator.gateway.gateway import MAX_CLIENTS
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.records import Contract
from tests.unit.simulator.kit import AAPL, Bench, contract, errors, limit, only, story


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- accounts ----------------------------------------------------------------------------------------


def test_positions_are_listed_and_every_change_is_published(bench: Bench) -> None:
    assert story(bench.send(requests.ReqPositions())) == ["PositionEnd"]
    (change,) = only(responses.PositionData, bench.place(1))
    assert (change.position, change.contract.exchange) == (100, "NASDAQ")
    (closed,) = only(responses.PositionData, bench.place(2, action="SELL"))
    assert closed.position == 0
    bench.send(requests.CancelPositions())
    assert not only(responses.PositionData, bench.place(3))


def test_average_cost_of_a_future_includes_its_multiplier(bench: Bench) -> None:
    es = contract("ES", sec_type="FUT", exchange="CME", last_trade_date="202612")
    bench.place(1, contract=es, total_quantity=1)
    (position,) = only(responses.PositionData, bench.send(requests.ReqPositions()))
    assert position.avg_cost is not None
    assert 5_900 * 50 - 5_000 < position.avg_cost < 5_900 * 50 + 5_000
    assert position.contract.exchange == ""


def test_the_account_summary_has_the_tags_asked_for_and_ends(bench: Bench) -> None:
    rows = bench.send(requests.ReqAccountSummary(req_id=3, tags="NetLiquidation, AccountType,Nonsense"))
    assert [(row.tag, row.value, row.currency) for row in only(responses.AccountSummary, rows)] == [
        ("NetLiquidation", "1000000.00", "USD"),
        ("AccountType", "INDIVIDUAL", ""),
    ]
    assert story(rows)[-1] == "AccountSummaryEnd"


def test_net_liquidation_falls_by_commission_and_spread_only(bench: Bench) -> None:
    bench.place(1, total_quantity=10)
    (row,) = only(
        responses.AccountSummary, bench.send(requests.ReqAccountSummary(req_id=3, tags="NetLiquidation"))
    )
    assert Decimal("999998.00") <= Decimal(row.value) <= Decimal("999999.50")


def test_account_updates_end_with_the_download_end_and_follow_trades(bench: Bench) -> None:
    bench.place(1)
    rows = bench.send(requests.ReqAcctData(account="DU1234567"))
    assert story(rows)[-2:] == ["AcctUpdateTime", "AcctDownloadEnd"]
    assert [row.position for row in only(responses.PortfolioValue, rows)] == [100]
    assert [row.position for row in only(responses.PortfolioValue, bench.place(2))] == [200]
    bench.send(requests.ReqAcctData(subscribe=False, account="DU1234567"))
    assert not only(responses.PortfolioValue, bench.place(3))


def test_account_values_are_sent_again_every_three_minutes(bench: Bench) -> None:
    bench.send(requests.ReqAcctData())
    bench.send(requests.ReqAccountSummary(req_id=3, tags="NetLiquidation"))
    assert "AccountSummary" not in story(bench.skip(timedelta(minutes=2)))
    later = story(bench.skip(timedelta(minutes=1)))
    assert "AccountSummary" in later
    assert "AcctDownloadEnd" in later


@pytest.mark.parametrize(
    "message",
    [
        requests.ReqAccountUpdatesMulti(req_id=4, account="DU999"),
        requests.ReqPositionsMulti(req_id=4, account="DU999"),
        requests.ReqPnl(req_id=4, account="DU999"),
        requests.ReqAcctData(account="DU999"),
        requests.ReqAccountSummary(req_id=4, group="Nobody"),
    ],
)
def test_an_unknown_account_is_an_error(bench: Bench, message: responses.Record) -> None:
    assert errors(bench.send(message)) == [321]


def test_multi_requests_end_with_their_own_id(bench: Bench) -> None:
    bench.place(1)
    updates = bench.send(requests.ReqAccountUpdatesMulti(req_id=4, account="DU1234567"))
    positions = bench.send(requests.ReqPositionsMulti(req_id=5))
    assert updates[-1] == responses.AccountUpdateMultiEnd(req_id=4)
    assert [row.position for row in only(responses.PositionMulti, positions)] == [100]
    assert positions[-1] == responses.PositionMultiEnd(req_id=5)


def test_profit_and_loss_follow_the_market(bench: Bench) -> None:
    bench.place(1)
    bench.send(requests.ReqPnl(req_id=4, account="DU1234567"))
    bench.send(requests.ReqPnlSingle(req_id=5, account="DU1234567", con_id=AAPL))
    bench.move("240")
    later = bench.skip(timedelta(seconds=2))
    (total,) = only(responses.Pnl, later)
    (single,) = only(responses.PnlSingle, later)
    assert total.unrealized is not None
    assert 900 < total.unrealized < 1100
    assert single.position == 100


# -- market data -------------------------------------------------------------------------------------


def quote(req_id: int, symbol: str = "AAPL", **options: bool) -> requests.ReqMktData:
    return requests.ReqMktData(req_id=req_id, contract=contract(symbol), **options)


def test_market_data_starts_with_its_type_and_parameters_then_ticks(bench: Bench) -> None:
    ticks = bench.send(quote(8))
    assert story(ticks)[:2] == ["MarketDataType", "TickReqParams"]
    prices = {tick.tick_type: tick.price for tick in only(responses.TickPrice, ticks)}
    assert prices[1] == Decimal("229.99")
    assert prices[2] == Decimal("230.01")
    assert prices[4] == 230


def test_a_subscription_streams_changes_until_cancelled(bench: Bench) -> None:
    bench.send(quote(8))
    bench.move("231")
    prices = {tick.tick_type: tick.price for tick in only(responses.TickPrice, bench.step())}
    assert round(prices[4] or 0) == 231  # the makers may have moved it by a tick since
    bench.send(requests.CancelMktData(req_id=8))
    bench.move("232")
    assert bench.step() == []


def test_a_snapshot_ends_and_does_not_stream(bench: Bench) -> None:
    assert story(bench.send(quote(8, snapshot=True)))[-1] == "TickSnapshotEnd"
    bench.move("231")
    assert bench.step() == []


def test_market_data_errors(bench: Bench) -> None:
    assert errors(bench.send(quote(8, "NOPE"))) == [200]
    assert errors(bench.send(requests.CancelMktData(req_id=8))) == [300]
    bench.send(quote(9))
    assert errors(bench.send(quote(9))) == [322]


# -- contracts and the rest --------------------------------------------------------------------------


def test_contract_details_describe_the_instrument(bench: Bench) -> None:
    answer = bench.send(requests.ReqContractData(req_id=2, contract=contract("AAPL")))
    (row,) = only(responses.ContractData, answer)
    assert (row.contract.con_id, row.contract.primary_exchange) == (AAPL, "NASDAQ")
    assert (row.min_tick, row.long_name, row.stock_type) == (Decimal("0.01"), "APPLE INC", "COMMON")
    assert answer[-1] == responses.ContractDataEnd(req_id=2)


def test_an_open_question_gets_every_answer(bench: Bench) -> None:
    question = requests.ReqContractData(req_id=2, contract=Contract(symbol="ES", sec_type="FUT"))
    months = [row.contract_month for row in only(responses.ContractData, bench.send(question))]
    assert months == ["202612", "202703", "202706", "202709"]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [(contract("NOPE"), 200), (Contract(con_id=1), 200), (Contract(symbol="AAPL"), 321)],
)
def test_a_question_without_an_answer_is_an_error(bench: Bench, wanted: Contract, code: int) -> None:
    assert errors(bench.send(requests.ReqContractData(req_id=2, contract=wanted))) == [code]


def test_the_time_is_the_clocks(bench: Bench) -> None:
    assert bench.send(requests.ReqCurrentTime()) == [responses.CurrentTime(epoch_seconds=1795435200)]


def test_only_client_zero_may_bind_manual_orders(bench: Bench) -> None:
    zero = bench.connect(0)
    assert errors(bench.send(requests.ReqAutoOpenOrders())) == [327]
    assert bench.send(requests.ReqAutoOpenOrders(), zero) == []


def test_no_more_than_32_clients_are_let_in(bench: Bench) -> None:
    links = [bench.connect(number) for number in range(2, MAX_CLIENTS + 2)]
    assert [bool(link.closing) for link in links[-2:]] == [False, True]


# -- faults ------------------------------------------------------------------------------------------


def fault(bench: Bench, kind: str, count: int = 1) -> None:
    bench.gateway.faults.add(Fault(kind=kind, count=count))


def test_no_ack_works_the_order_but_keeps_silent(bench: Bench) -> None:
    fault(bench, "no_ack")
    assert bench.place(1) == []
    assert bench.gateway.state.orders
    assert "OpenOrder Filled" in story(bench.place(2))
    assert len(only(responses.ExecutionData, bench.send(requests.ReqExecutions(req_id=1)))) == 2


def test_no_ack_does_not_silence_the_other_side_of_the_trade(bench: Bench) -> None:
    other = bench.connect(2)
    bench.send(limit(1, "230.00"), other)  # inside the makers' spread: first in line
    fault(bench, "no_ack")
    assert bench.send(limit(1, "230.00", action="SELL")) == []
    assert len(only(responses.ExecutionData, bench.received(other))) == 1


def test_drop_place_forgets_the_order_altogether(bench: Bench) -> None:
    fault(bench, "drop_place", 2)
    assert bench.place(1) == []
    assert bench.place(2) == []
    assert not bench.gateway.state.orders
    assert "OpenOrder Filled" in story(bench.place(1))


def test_reject_makes_the_order_inactive_with_201(bench: Bench) -> None:
    fault(bench, "reject")
    answer = bench.place(1)
    assert story(answer) == ["OpenOrder Inactive", "OrderStatus Inactive", "ErrMsg 201"]
    assert only(responses.ErrMsg, answer)[0].text.startswith("Order rejected - reason:")


def test_while_the_link_is_lost_orders_wait_and_then_go_through(bench: Bench) -> None:
    bench.gateway.uplink.lose()
    assert errors(bench.received()) == [1100]
    assert bench.place(1) == []
    assert not bench.gateway.state.orders
    bench.gateway.uplink.restore()
    received = story(bench.received())
    assert received[0] == "ErrMsg 1102"
    assert "OrderStatus Filled" in received


def test_fills_during_a_lost_link_are_sent_when_it_returns(bench: Bench) -> None:
    bench.send(limit(1, "220"))
    bench.gateway.uplink.lose()
    assert errors(bench.move("215")) == [1100]
    bench.gateway.uplink.restore(data_lost=True)
    received = bench.received()
    assert errors(received) == [1101]
    assert len(only(responses.ExecutionData, received)) == 1
    assert only(OpenOrder, received)[-1].state.status == "Filled"


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault kind"):
        Fault(kind="meteor")
