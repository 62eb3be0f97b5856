"""ib_async as it comes, for measuring: nothing of ours between the call and the socket."""

from __future__ import annotations

import asyncio
import time

from ib_async import IB, MarketOrder, Stock

#: Seconds between two orders: above 45 a second the library queues them, and drops its queue at the end.
SETTLE = 0.03


def place_bare(host: str, port: int, client_id: int, account: str, count: int) -> dict[str, float]:
    """Place so many market orders one after the other; epoch seconds before each call, by order_ref."""
    return asyncio.run(_place(host, port, client_id, account, count))


async def _place(host: str, port: int, client_id: int, account: str, count: int) -> dict[str, float]:
    ib, called_at = IB(), dict[str, float]()
    await ib.connectAsync(host, port, clientId=client_id)
    try:
        contract = Stock("AAPL", "SMART", "USD")
        await ib.qualifyContractsAsync(contract)
        for number in range(count):
            order = MarketOrder("BUY" if number % 2 else "SELL", 1)
            order.orderRef, order.account = f"bare-{number}", account
            called_at[order.orderRef] = time.time()
            ib.placeOrder(contract, order)
            await asyncio.sleep(SETTLE)
    finally:
        ib.disconnect()
    return called_at
