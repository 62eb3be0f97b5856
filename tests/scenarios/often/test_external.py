"""Orders that others place: seen with their fills, counted for positions, canceled where IB allows it.

A gateway tells nobody of other clients' orders: comparisons find them."""

from __future__ import annotations

import asyncio
from typing import Any

from ib_async import IB, LimitOrder, Stock

from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

AAPL = Stock("AAPL", "SMART", "USD", conId=265598)


def externals(stack: System) -> list[dict[str, Any]]:
    rows = stack.api.get("/orders").json()["results"]
    return [row for row in rows if row["source"] == "EXTERNAL"]


def place_elsewhere(stack: System, client_id: int, price: float) -> None:
    """Another program places an order and goes."""

    async def run() -> None:
        ib = IB()
        await ib.connectAsync("127.0.0.1", stack.options.gateway_port, clientId=client_id, timeout=60)
        trade = ib.placeOrder(AAPL, LimitOrder("BUY", 3, price))
        for _ in range(600):
            if trade.orderStatus.status == "Submitted":
                break
            await asyncio.sleep(0.1)
        ib.disconnect()

    asyncio.run(run())


def test_an_order_typed_by_hand_appears_with_its_fill_and_counts(stack: System) -> None:
    typed = {"symbol": "AAPL", "action": "BUY", "total_quantity": "7"}
    stack.control.post("/manual", json=typed).raise_for_status()
    seen = eventually(lambda: [row for row in externals(stack) if row["cum_qty"] == "7"], limit=90)
    found = stack.api.get("/executions", params={"order_id": seen[0]["id"]}).json()["results"]
    assert [execution["last_qty"] for execution in found] == ["7"]
    eventually(lambda: [p["position_qty"] for p in stack.api.get("/positions").json()["results"]] == ["7"])


def bind_manual_orders(stack: System) -> list[int]:
    """A program under client id 0 asks for its open orders: those typed by hand get ids of its own."""

    async def run() -> list[int]:
        ib = IB()
        await ib.connectAsync("127.0.0.1", stack.options.gateway_port, clientId=0, timeout=30)
        trades = await ib.reqOpenOrdersAsync()
        ib.disconnect()
        return [trade.order.orderId for trade in trades]

    return asyncio.run(run())


def test_a_manual_order_stays_one_when_another_program_binds_it(stack: System) -> None:
    typed = {"symbol": "MSFT", "action": "BUY", "total_quantity": "5", "order_type": "LMT", "lmt_price": "3"}
    stack.control.post("/manual", json=typed).raise_for_status()

    def waiting() -> list[dict[str, Any]]:
        return [row for row in externals(stack) if (row["price"], row["state"]) == ("3", "PENDING")]

    (order,) = eventually(waiting, limit=90)
    assert order["broker_order_id"] is None
    refused = stack.api.cancel(order["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_OURS")
    assert min(bind_manual_orders(stack)) < 0
    stack.control.post("/prices", json={"symbol": "MSFT", "price": "2"}).raise_for_status()
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=90)
    assert [row["id"] for row in externals(stack) if row["price"] == "3"] == [order["id"]]
    held = {"symbol": "MSFT", "position_qty": "5"}.items()
    eventually(lambda: any(held <= row.items() for row in stack.api.get("/positions").json()["results"]))


def test_another_clients_order_is_watched_and_not_ours_to_cancel(stack: System) -> None:
    place_elsewhere(stack, 7, 1.0)
    (order,) = eventually(
        lambda: [row for row in externals(stack) if row["price"] == "1" and row["state"] == "PENDING"],
        limit=90,
    )
    refused = stack.api.cancel(order["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_OURS")


def test_one_placed_under_our_own_client_id_can_be_canceled(stack: System) -> None:
    stack.stop("broker")
    place_elsewhere(stack, 1, 2.0)
    stack.start("broker")
    (order,) = eventually(
        lambda: [row for row in externals(stack) if row["price"] == "2" and row["state"] == "PENDING"],
        limit=90,
    )
    assert stack.api.cancel(order["id"]).status_code == 202
    eventually(lambda: stack.api.state(order["id"]) == "CANCELED", limit=60)
