"""Bare ib_async, nothing stored, as the nautilus node does it. Arguments: gateway port, account, count."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from ib_async import IB, MarketOrder, Stock

PAUSE = 0.03  # seconds between a fill and the next order


async def main(port: int, account: str, count: int) -> None:
    """Send market orders one after the other, each when the one before is filled."""
    ib, called, filled = IB(), dict[str, float](), dict[str, float]()
    await ib.connectAsync("127.0.0.1", port, clientId=79)
    contract = Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    for number in range(count):
        order = MarketOrder("SELL" if number % 2 else "BUY", 1)
        order.orderRef, order.account, told = f"bare-{number}", account, asyncio.Event()
        called[order.orderRef] = time.time()
        trade = ib.placeOrder(contract, order)
        trade.filledEvent += lambda trade, told=told: told.set()
        await told.wait()
        filled[order.orderRef] = time.time()
        await asyncio.sleep(PAUSE)
    ib.disconnect()
    print(json.dumps({"called": called, "filled": filled}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
