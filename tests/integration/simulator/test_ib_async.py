"""ib_async against the simulated gateway over TCP, as a program that we did not write would use it."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from ib_async import IB, ExecutionFilter, Forex, Future, LimitOrder, MarketOrder, Stock, StopOrder, Trade

from tests.integration.simulator.process import SimulatedGateway, run, until

AAPL = Stock("AAPL", "SMART", "USD", conId=265598)


@asynccontextmanager
async def client(gateway: SimulatedGateway, client_id: int = 1) -> AsyncIterator[IB]:
    ib = await gateway.connect(client_id)
    try:
        yield ib
    finally:
        ib.disconnect()
        # The gateway must have noticed before the next test uses the id again.
        await until(lambda: client_id not in gateway.get("/healthz")["clients"])


def statuses(trade: Trade) -> list[str]:
    return [entry.status for entry in trade.log if entry.status]


def test_connecting_fetches_everything_at_version_178(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            assert ib.client.serverVersion() == 178
            assert ib.managedAccounts() == ["DU1234567"]
            assert ib.client.isReady()
            values = {value.tag: value.value for value in ib.accountValues()}
            assert values["NetLiquidation"] == "1000000000.00"

    run(test)


def test_a_market_order_fills_with_its_commission(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="first"))
            await until(lambda: trade.fills and trade.fills[0].commissionReport.commission)
            assert trade.orderStatus.status == "Filled"
            assert trade.orderStatus.permId == trade.fills[0].execution.permId > 0
            assert trade.fills[0].execution.orderRef == "first"
            assert trade.fills[0].commissionReport.commission == 1.0
            assert [(p.contract.symbol, p.position) for p in ib.positions()] == [("AAPL", 100)]

    run(test)


def test_a_limit_order_rests_is_modified_and_cancelled(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            order = LimitOrder("BUY", 100, 200.0)
            trade = ib.placeOrder(AAPL, order)
            await until(lambda: trade.orderStatus.status == "Submitted")
            order.lmtPrice = 201.25
            ib.placeOrder(AAPL, order)
            await until(lambda: gateway.get("/orders")[0]["limit_price"] == "201.25")
            ib.cancelOrder(order)
            await until(lambda: trade.orderStatus.status == "Cancelled")
            assert gateway.get("/orders")[0]["place_count"] == 2

    run(test)


def test_a_partial_fill_leaves_the_rest_working(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib, client(gateway, 2) as other:
            # The two trade inside the makers' spread, so that nobody else is there.
            resting = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 229.99))
            await until(lambda: resting.orderStatus.status in ("Submitted", "Filled"))
            seller = other.placeOrder(AAPL, LimitOrder("SELL", 15_000, 229.99))
            await until(lambda: seller.orderStatus.filled > 0)
            assert seller.orderStatus.remaining > 0
            assert seller.orderStatus.status == "Submitted"
            other.cancelOrder(seller.order)
            await until(lambda: seller.orderStatus.status == "Cancelled")
            assert seller.filled() == sum(fill.execution.shares for fill in seller.fills) > 0

    run(test)


def test_a_stop_is_elected_by_the_market(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            trade = ib.placeOrder(AAPL, StopOrder("SELL", 100, 220.0))
            await until(lambda: trade.orderStatus.status == "PreSubmitted")
            assert trade.orderStatus.whyHeld == "trigger"
            gateway.post("/prices", {"symbol": "AAPL", "price": "219.00"}).raise_for_status()
            await until(lambda: trade.orderStatus.status == "Filled")
            assert 218 < trade.orderStatus.avgFillPrice < 220

    run(test)


def test_a_second_session_reads_executions_and_completed_orders(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="mine"))
            await until(trade.isDone)
        async with client(gateway, 2) as ib:
            (fill,) = await ib.reqExecutionsAsync(ExecutionFilter(symbol="AAPL"))
            assert (fill.execution.orderRef, fill.execution.clientId) == ("mine", 1)
            assert ib.fills()[0].commissionReport.commission == 1.0
            (done,) = await ib.reqCompletedOrdersAsync(False)
            assert (done.order.orderRef, done.order.filledQuantity) == ("mine", 100)
            assert not await ib.reqExecutionsAsync(ExecutionFilter(symbol="MSFT"))

    run(test)


def test_all_open_orders_show_other_clients_orders(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib, client(gateway, 2) as other:
            trade = other.placeOrder(AAPL, LimitOrder("BUY", 100, 200.0, orderRef="theirs"))
            await until(lambda: trade.orderStatus.status == "Submitted")
            assert not await ib.reqOpenOrdersAsync()
            (seen,) = await ib.reqAllOpenOrdersAsync()
            assert (seen.order.orderRef, seen.order.clientId) == ("theirs", 2)
            assert seen.orderStatus.status == "Submitted"

    run(test)


def test_contract_details_and_market_data(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            details = await ib.reqContractDetailsAsync(Future("ES", exchange="CME", currency="USD"))
            assert details[0].contract is not None
            assert details[0].contract.localSymbol == "ESZ6"
            assert (details[0].minTick, len(details)) == (0.25, 4)
            assert not await ib.reqContractDetailsAsync(Stock("NOPE", "SMART", "USD"))
            forex = Forex("EURUSD")
            await ib.qualifyContractsAsync(forex)
            assert forex.conId == 12087792
            ticker = ib.reqMktData(AAPL)
            await until(lambda: not math.isnan(ticker.bid) and not math.isnan(ticker.last))
            assert ticker.bid < ticker.ask
            (snapshot,) = await ib.reqTickersAsync(forex)
            assert 1.08 < snapshot.bid < 1.09

    run(test)


def test_account_summary_pnl_and_time(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            summary = {value.tag: value.value for value in await ib.accountSummaryAsync()}
            assert summary["NetLiquidation"] == "1000000000.00"
            trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100))
            await until(trade.isDone)
            pnl = ib.reqPnL("DU1234567")
            single = ib.reqPnLSingle("DU1234567", "", 265598)
            await until(lambda: single.position == 100 and not math.isnan(pnl.dailyPnL))
            assert -20 < pnl.dailyPnL < 20
            assert (await ib.reqCurrentTimeAsync()).year >= 2026

    run(test)


def test_what_if_answers_without_an_order(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            state = await ib.whatIfOrderAsync(AAPL, LimitOrder("BUY", 100, 200.0))
            assert float(state.initMarginChange) == 5000.0
            assert gateway.get("/orders") == []

    run(test)


@pytest.mark.parametrize(
    ("contract", "order", "code"),
    [
        (AAPL, LimitOrder("BUY", 100, 200.001), 110),
        (Stock("NOPE", "SMART", "USD"), MarketOrder("BUY", 1), 200),
        (AAPL, LimitOrder("BUY", 0, 200.0), 321),
    ],
)
def test_a_refused_order_is_an_error_with_its_id(
    gateway: SimulatedGateway, contract: Stock, order: MarketOrder | LimitOrder, code: int
) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            received: list[tuple[int, int]] = []
            ib.errorEvent += lambda req_id, number, text, contract: received.append((req_id, number))
            trade = ib.placeOrder(contract, order)
            await until(lambda: received)
            assert received == [(trade.order.orderId, code)]
            assert gateway.get("/orders") == []

    run(test)


def test_a_client_id_in_use_is_refused_the_second_client(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            codes: list[int] = []
            second = IB()
            second.errorEvent += lambda req_id, code, text, contract: codes.append(code)
            with pytest.raises((ConnectionError, asyncio.TimeoutError)):
                # The library waits out its timeout although the peer has closed.
                await second.connectAsync("127.0.0.1", gateway.port, 1, timeout=5)
            assert codes == [326]
            assert await ib.reqCurrentTimeAsync()

    run(test)


def test_orders_survive_sigkill_and_can_be_cancelled_afterwards(restartable: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await restartable.connect()
        filled = ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="filled"))
        resting = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 200.0, tif="GTC", orderRef="resting"))
        await until(lambda: filled.isDone() and resting.orderStatus.status == "Submitted")
        before = [fill | {"sent_at": None} for fill in restartable.get("/executions")]
        restartable.end(signal.SIGKILL)
        await until(lambda: not ib.isConnected())
        restartable.start()
        again = await restartable.connect()
        assert restartable.get("/executions") == before
        (trade,) = again.openTrades()
        assert (trade.order.orderRef, trade.order.permId) == ("resting", resting.order.permId)
        assert [position.position for position in again.positions()] == [100]
        assert again.client.getReqId() > resting.order.orderId
        again.cancelOrder(trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")
        again.disconnect()

    run(test)


def test_acknowledged_orders_are_in_the_ledger_after_sigkill(
    restartable: SimulatedGateway,
) -> None:
    async def test() -> None:
        ib = await restartable.connect()
        acknowledged: set[int] = set()
        ib.openOrderEvent += lambda trade: acknowledged.add(trade.order.permId)
        for number in range(200):
            ib.placeOrder(AAPL, LimitOrder("BUY", 1, 200.0, orderRef=f"flow-{number}"))
        await until(lambda: len(acknowledged) >= 30)
        restartable.end(signal.SIGKILL)
        await until(lambda: not ib.isConnected())
        restartable.start()
        known = {row["perm_id"] for row in restartable.get("/orders")}
        assert acknowledged <= known

    run(test)
