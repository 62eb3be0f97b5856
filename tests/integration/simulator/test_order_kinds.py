"""The real ib_async sends the orders that need more than one message or a word from the control port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from ib_async import (
    IB,
    ComboLeg,
    Contract,
    LimitOrder,
    MarketOrder,
    Order,
    PriceCondition,
    Stock,
    TimeCondition,
    Trade,
)

from tests.integration.simulator.process import SimulatedGateway, run, until

AAPL = Stock("AAPL", "SMART", "USD", conId=265598)
NEAR, FAR = 515416632, 551601561


@asynccontextmanager
async def _client(gateway: SimulatedGateway, client_id: int) -> AsyncIterator[IB]:
    ib = await gateway.connect(client_id)
    try:
        yield ib
    finally:
        ib.disconnect()


def client(gateway: SimulatedGateway, client_id: int = 1) -> AbstractAsyncContextManager[IB]:
    return _client(gateway, client_id)


def is_(trade: Trade, *statuses: str) -> bool:
    return trade.orderStatus.status in statuses


def test_a_bracket_takes_profit_and_cancels_its_stop(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            gateway.post("/prices", {"symbol": "AAPL", "price": "230"}).raise_for_status()
            parts = ib.bracketOrder("BUY", 100, 231, 240, 220)
            parent, profit, stop = (ib.placeOrder(AAPL, order) for order in parts)
            await until(lambda: is_(parent, "Filled") and is_(profit, "Submitted"))
            assert stop.orderStatus.whyHeld == "trigger"
            gateway.post("/prices", {"symbol": "AAPL", "price": "241"}).raise_for_status()
            await until(lambda: is_(profit, "Filled") and is_(stop, "Cancelled"))

    run(test)


def test_a_combination_fills_with_its_legs(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            legs = [ComboLeg(NEAR, 1, "SELL", "CME"), ComboLeg(FAR, 1, "BUY", "CME")]
            spread = Contract(symbol="ES", secType="BAG", exchange="CME", currency="USD", comboLegs=legs)
            trade = ib.placeOrder(spread, MarketOrder("BUY", 2))
            await until(lambda: is_(trade, "Filled") and len(trade.fills) == 3)
            assert trade.filled() == 2
            held = {p.contract.conId: p.position for p in await ib.reqPositionsAsync()}
            assert held == {NEAR: -2, FAR: 2}

    run(test)


def test_an_order_waits_for_its_conditions(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            gateway.post("/prices", {"symbol": "AAPL", "price": "230"}).raise_for_status()
            above = PriceCondition(conId=AAPL.conId, exch="SMART", isMore=True, price=235)
            later = TimeCondition(isMore=True, time="20200101 00:00:00 UTC")
            order = Order(action="SELL", totalQuantity=10, orderType="MKT", conditions=[above, later])
            trade = ib.placeOrder(AAPL, order)
            await until(lambda: is_(trade, "PreSubmitted"))
            gateway.post("/prices", {"symbol": "AAPL", "price": "236"}).raise_for_status()
            await until(lambda: is_(trade, "Filled"))
            assert trade.filled() == 10

    run(test)


def test_a_closing_order_waits_for_the_control_ports_auction(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            trade = ib.placeOrder(AAPL, Order(action="BUY", totalQuantity=10, orderType="MOC"))
            await until(lambda: is_(trade, "PreSubmitted"))
            assert gateway.post("/auction", {"symbol": "AAPL", "auction": "close"}).json() == {
                "held": ["AAPL"]
            }
            await until(lambda: is_(trade, "Filled"))

    run(test)


def test_client_0_sees_and_cancels_an_order_made_by_hand(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway, 0) as ib:
            typed = {"symbol": "AAPL", "action": "BUY", "total_quantity": "10", "order_type": "LMT"}
            answer = gateway.post("/manual", {**typed, "lmt_price": "100"}).json()
            await until(lambda: [t for t in ib.openTrades() if t.order.permId == answer["perm_id"]])
            (trade,) = ib.openTrades()
            ib.cancelOrder(trade.order)
            await until(lambda: is_(trade, "Cancelled"))
            assert ib.openTrades() == []

    run(test)


def test_a_manual_order_without_sense_is_answered_with_the_reason(gateway: SimulatedGateway) -> None:
    answer = gateway.post("/manual", {"symbol": "NOPE", "action": "BUY", "total_quantity": "1"})
    assert (answer.status_code, answer.json()["code"]) == (400, 200)
    assert gateway.post("/auction", {"symbol": "NOPE", "auction": "open"}).status_code == 404


def test_an_oca_group_fills_once(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        async with client(gateway) as ib:
            gateway.post("/prices", {"symbol": "AAPL", "price": "230"}).raise_for_status()
            orders = [LimitOrder("BUY", 10, price) for price in (228, 227)]
            trades = [ib.placeOrder(AAPL, order) for order in ib.oneCancelsAll(orders, "either", 1)]
            await until(lambda: all(is_(trade, "Submitted") for trade in trades))
            gateway.post("/prices", {"symbol": "AAPL", "price": "225"}).raise_for_status()
            await until(lambda: all(trade.isDone() for trade in trades))
            assert [trade.filled() for trade in trades] == [10, 0]

    run(test)
