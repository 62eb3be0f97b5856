"""Clients that we did not write: each trades a day against the gateway and understands every message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import ib_async
import ib_insync
import pytest
from ibapi.execution import ExecutionFilter
from ibapi.scanner import ScannerSubscription

from tests.integration.simulator.official import OfficialClient, contract, order, stock
from tests.integration.simulator.process import SimulatedGateway, until

LIBRARIES = [
    pytest.param(ib_async, 178, id="ib_async"),
    pytest.param(ib_insync, 176, id="ib_insync"),
]


@pytest.fixture(autouse=True)
def _everything_is_understood(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.ERROR)
    yield
    noise = [record.getMessage() for record in caplog.records if record.name.startswith(("ib", "root"))]
    # What the gateway refuses is logged too; that is no message that could not be read.
    assert [text for text in noise if not text.startswith("Error 202,")] == []


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run in a loop that the older library finds as the thread's own, as it expects."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(test())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@asynccontextmanager
async def connected(library: ModuleType, gateway: SimulatedGateway, client_id: int = 1) -> AsyncIterator[Any]:
    ib = library.IB()
    await ib.connectAsync("127.0.0.1", gateway.port, client_id, timeout=60)
    try:
        yield ib
    finally:
        ib.disconnect()
        await until(lambda: client_id not in gateway.get("/healthz")["clients"])


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
def test_a_day_with_a_library(gateway: SimulatedGateway, library: ModuleType, version: int) -> None:
    async def test() -> None:
        apple = library.Stock("AAPL", "SMART", "USD", conId=265598)
        async with connected(library, gateway) as ib:
            assert ib.client.serverVersion() == version
            bought = ib.placeOrder(apple, library.MarketOrder("BUY", 100))
            terms = library.LimitOrder("BUY", 50, 200.0, tif="GTC")
            resting = ib.placeOrder(apple, terms)
            await until(lambda: bought.fills and bought.fills[0].commissionReport.commission)
            await until(lambda: resting.orderStatus.status == "Submitted")
            terms.lmtPrice = 201.0
            ib.placeOrder(apple, terms)
            await until(lambda: gateway.get("/orders")[1]["limit_price"] == "201")
            gone = ib.placeOrder(apple, library.LimitOrder("BUY", 10, 200.0))
            ib.cancelOrder(gone.order)
            await until(lambda: gone.orderStatus.status == "Cancelled")
        async with connected(library, gateway) as ib:
            assert [(trade.order.lmtPrice, trade.order.totalQuantity) for trade in ib.openTrades()] == [
                (201.0, 50)
            ]
            done = await ib.reqCompletedOrdersAsync(False)
            assert sorted(trade.orderStatus.status for trade in done) == ["Cancelled", "Filled"]
            (fill,) = await ib.reqExecutionsAsync()
            assert fill.execution.shares == 100
            await until(lambda: ib.fills()[0].commissionReport.commission == 1.0)
            ib.cancelOrder(ib.openTrades()[0].order)
            await until(lambda: not ib.openTrades())

    run(test)


@pytest.mark.parametrize(("announced", "spoken"), [(160, 160), (170, 170), (200, 178)])
def test_an_order_lives_and_ends_at_every_version(tmp_path: Path, announced: int, spoken: int) -> None:
    gateway = SimulatedGateway(tmp_path, "--server-version", str(announced))

    async def test() -> None:
        async with connected(ib_async, gateway) as ib:
            assert ib.client.serverVersion() == spoken
            apple = ib_async.Stock("AAPL", "SMART", "USD")
            bought = ib.placeOrder(apple, ib_async.MarketOrder("BUY", 100))
            resting = ib.placeOrder(apple, ib_async.LimitOrder("BUY", 50, 200.0))
            await until(lambda: bought.fills and bought.fills[0].commissionReport.commission)
            await until(lambda: resting.orderStatus.status == "Submitted")
            assert len(await ib.reqAllOpenOrdersAsync()) == 1
            ib.cancelOrder(resting.order)
            await until(lambda: resting.orderStatus.status == "Cancelled")
            done = await ib.reqCompletedOrdersAsync(False)
            assert sorted(trade.orderStatus.status for trade in done) == ["Cancelled", "Filled"]
            assert [fill.execution.shares for fill in await ib.reqExecutionsAsync()] == [100]

    gateway.start()
    try:
        run(test)
    finally:
        gateway.end()


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
def test_data_with_a_library(gateway: SimulatedGateway, library: ModuleType, version: int) -> None:
    async def test() -> None:
        apple = library.Stock("AAPL", "SMART", "USD", conId=265598)
        async with connected(library, gateway) as ib:
            bars = await ib.reqHistoricalDataAsync(apple, "", "2 D", "1 hour", "TRADES", True)
            days = await ib.reqHistoricalDataAsync(apple, "", "1 M", "1 day", "MIDPOINT", True, formatDate=2)
            assert (len(bars), len(days)) == (49, 31)
            assert all(bar.low <= min(bar.open, bar.close) <= bar.high for bar in (*bars, *days))
            assert await ib.reqHeadTimeStampAsync(apple, "TRADES", True, 2)
            end = ib_async.util.formatIBDatetime(bars[-1].date)
            ticks = await ib.reqHistoricalTicksAsync(apple, "", end, 50, "BID_ASK", True)
            assert all(tick.priceBid < tick.priceAsk for tick in ticks)
            assert await ib.reqHistogramDataAsync(apple, True, "1 day")
            assert {row.contract.symbol for row in await ib.reqMatchingSymbolsAsync("APPLE")} == {"AAPL"}
            (chain, *_) = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
            assert (chain.exchange, 230.0 in chain.strikes) == ("SMART", True)
            assert await ib.reqMarketRuleAsync(26)
            assert await ib.reqSmartComponentsAsync("9c0001")
            assert await ib.reqMktDepthExchangesAsync()
            treasury = library.Bond(symbol="US-T", exchange="SMART", currency="USD")
            (bond,) = await ib.reqContractDetailsAsync(treasury)
            assert (bond.cusip, bond.coupon) == ("91282CJZ5", 4)

    run(test)


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
def test_streams_with_a_library(gateway: SimulatedGateway, library: ModuleType, version: int) -> None:
    async def test() -> None:
        apple = library.Stock("AAPL", "SMART", "USD", conId=265598)
        async with connected(library, gateway) as ib:
            ticker = ib.reqMktData(apple, "233,236")
            depth = ib.reqMktDepth(apple, 5, isSmartDepth=True)
            ib.reqTickByTickData(apple, "BidAsk")
            bars = ib.reqRealTimeBars(apple, 5, "TRADES", False)
            option = library.Option("AAPL", "20261218", 230, "C", "SMART", currency="USD")
            await ib.qualifyContractsAsync(option)
            model = ib.reqMktData(option)
            await until(lambda: ticker.bid < ticker.ask and ticker.shortableShares > 0)
            await until(lambda: len(depth.domBids) == len(depth.domAsks) == 5)
            await until(lambda: model.modelGreeks and 0 < model.modelGreeks.delta < 1)
            await until(lambda: ticker.rtVolume > 0)
            await until(lambda: bars)
            assert [row.price for row in depth.domBids] == sorted(row.price for row in depth.domBids)[::-1]

    run(test)


@pytest.fixture
def official(gateway: SimulatedGateway) -> Iterator[OfficialClient]:
    client = OfficialClient()
    client.start(gateway.port, 5)
    yield client
    client.stop()
    client.wait(lambda: 5 not in gateway.get("/healthz")["clients"])


def test_a_day_with_the_official_client(gateway: SimulatedGateway, official: OfficialClient) -> None:
    received, first = official.received, official.received["nextValidId"][0][0]
    assert official.serverVersion() == 157
    official.placeOrder(first, stock(), order("BUY", 100))
    official.placeOrder(first + 1, stock(), order("BUY", 50, "LMT", lmtPrice=200.0, tif="GTC"))
    official.wait(lambda: received["commissionReport"] and "Submitted" in official.statuses(first + 1))
    official.placeOrder(first + 1, stock(), order("BUY", 50, "LMT", lmtPrice=201.0, tif="GTC"))
    official.wait(lambda: gateway.get("/orders")[1]["limit_price"] == "201")
    official.placeOrder(first + 2, stock(), order("BUY", 10, "LMT", lmtPrice=200.0))
    official.cancelOrder(first + 2)
    official.wait(lambda: official.statuses(first + 2)[-1:] == ["Cancelled"])
    assert official.statuses(first)[-1] == "Filled"
    assert [(row[2].shares, row[2].side) for row in received["execDetails"]] == [(100.0, "BOT")]

    again = OfficialClient()
    again.start(gateway.port, 6)
    again.reqAllOpenOrders()
    again.reqCompletedOrders(False)
    again.reqExecutions(1, ExecutionFilter())
    again.wait(lambda: again.received["openOrderEnd"] and again.received["completedOrdersEnd"])
    again.wait(lambda: again.received["execDetailsEnd"])
    assert [row[2].lmtPrice for row in again.received["openOrder"]] == [201.0]
    assert sorted(row[2].status for row in again.received["completedOrder"]) == ["Cancelled", "Filled"]
    again.stop()


def test_data_with_the_official_client(gateway: SimulatedGateway, official: OfficialClient) -> None:
    apple = stock()
    bitcoin = contract("BTC", "CRYPTO", "PAXOS")
    official.reqHistoricalData(11, apple, "", "1 D", "1 hour", "TRADES", 1, 1, True, [])
    official.reqHeadTimeStamp(12, apple, "TRADES", 1, 1)
    official.reqHistogramData(13, apple, True, "1 day")
    official.reqHistoricalTicks(14, apple, "", _now(), 10, "TRADES", 1, True, [])
    official.reqHistoricalTicks(15, apple, "", _now(), 10, "MIDPOINT", 1, True, [])
    official.reqHistoricalTicks(16, apple, "", _now(), 10, "BID_ASK", 1, True, [])
    official.reqRealTimeBars(17, bitcoin, 5, "MIDPOINT", False, [])
    official.reqTickByTickData(18, bitcoin, "BidAsk", 0, True)
    official.reqTickByTickData(19, bitcoin, "MidPoint", 0, True)
    official.reqMktDepth(20, apple, 5, True, [])
    official.reqMktDepth(
        21, contract("ES", "FUT", "CME", lastTradeDateOrContractMonth="202612"), 5, False, []
    )
    official.reqMktData(22, bitcoin, "", False, False, [])
    names = (
        "headTimestamp histogramData historicalTicks historicalTicksBidAsk historicalTicksLast realtimeBar"
    )
    names += (
        " tickByTickBidAsk tickByTickMidPoint updateMktDepth updateMktDepthL2 historicalDataUpdate tickPrice"
    )
    official.wait(lambda: all(official.received[name] for name in names.split()))
    assert len(official.received["historicalData"]) == 25
    assert [row[1] for row in official.received["error"] if row[0] > 0] == [2152]


def test_reference_data_with_the_official_client(gateway: SimulatedGateway, official: OfficialClient) -> None:
    kinds = {"AAPL": "STK", "SPX": "IND", "ES": "FUT", "EUR": "CASH", "BTC": "CRYPTO", "IBUS500": "CFD"}
    for number, (symbol, sec_type) in enumerate(kinds.items()):
        official.reqContractDetails(30 + number, contract(symbol, sec_type, ""))
    official.reqContractDetails(40, contract("AAPL", "OPT", "SMART", strike=230.0))
    official.reqContractDetails(41, contract("US-T", "BOND", "SMART"))
    official.reqMatchingSymbols(42, "SAP")
    official.reqSecDefOptParams(43, "AAPL", "", "STK", 265598)
    official.reqMarketRule(26)
    official.reqSmartComponents(44, "9c0001")
    official.reqMktDepthExchanges()
    official.reqFamilyCodes()
    official.reqSoftDollarTiers(45)
    official.reqNewsProviders()
    official.reqScannerParameters()
    official.calculateOptionPrice(
        46, contract("AAPL", "OPT", "", localSymbol="AAPL  261218C00230000"), 0.3, 230.0, []
    )
    names = (
        "bondContractDetails symbolSamples securityDefinitionOptionParameterEnd marketRule smartComponents"
    )
    names += (
        " mktDepthExchanges familyCodes softDollarTiers newsProviders scannerParameters tickOptionComputation"
    )
    official.wait(lambda: all(official.received[name] for name in names.split()))
    official.wait(lambda: len(official.received["contractDetailsEnd"]) == 8)
    found = {row[1].contract.secType for row in official.received["contractDetails"]}
    assert found == {*kinds.values(), "OPT"}
    assert {sample.contract.primaryExchange for sample in official.received["symbolSamples"][0][1]} == {
        "IBIS",
        "NYSE",
    }
    assert [row for row in official.received["error"] if row[0] > 0] == []


def test_what_the_gateway_lacks_is_an_error_for_the_official_client(official: OfficialClient) -> None:
    official.reqFundamentalData(50, stock(), "ReportSnapshot", [])
    official.reqScannerSubscription(51, ScannerSubscription(), [], [])
    official.reqNewsArticle(52, "BRFG", "BRFG$1", [])
    official.reqContractDetails(53, contract("NOPE", "STK", "SMART"))
    official.requestFA(1)
    official.wait(
        lambda: len([row for row in official.received["error"] if row[1] not in (2104, 2106, 2158)]) == 5
    )
    codes = {row[0]: row[1] for row in official.received["error"]}
    assert {number: codes[number] for number in (50, 51, 52, 53)} == {50: 430, 51: 162, 52: 10276, 53: 200}


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H:%M:%S}"
