"""IB's own client (ibapi 9.81, server version 157) on a thread, with its callbacks kept in lists."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

LIMIT = 60.0


class OfficialClient(EWrapper, EClient):  # type: ignore[misc]
    """Every callback's arguments are appended to `received[name]`."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, wrapper=self)
        self.received: defaultdict[str, list[Any]] = defaultdict(list)
        self._thread = threading.Thread(target=self.run, daemon=True)

    def __getattribute__(self, name: str) -> Any:
        if name in _CALLBACKS:
            received = object.__getattribute__(self, "received")
            return lambda *arguments: received[name].append(arguments)
        return object.__getattribute__(self, name)

    def start(self, port: int, client_id: int) -> None:
        """Connect and wait until orders may be sent."""
        self.connect("127.0.0.1", port, client_id)
        self._thread.start()
        self.wait(lambda: self.received["nextValidId"] and self.received["managedAccounts"])

    def stop(self) -> None:
        """Disconnect; the message loop must have ended by itself, not by an exception."""
        assert self._thread.is_alive()
        self.disconnect()
        self._thread.join(LIMIT)

    def next_id(self) -> int:
        """Return a fresh order id."""
        self.reqIds(-1)
        count = len(self.received["nextValidId"])
        self.wait(lambda: len(self.received["nextValidId"]) > count - 1)
        return int(self.received["nextValidId"][-1][0])

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait for a condition; fail after the limit."""
        end = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < end, dict(self.received)
            time.sleep(0.01)

    def statuses(self, order_id: int) -> list[str]:
        """Return every status that an order went through."""
        return [row[1] for row in self.received["orderStatus"] if row[0] == order_id]


_CALLBACKS = frozenset(
    name for name, value in vars(EWrapper).items() if callable(value) and not name.startswith("_")
) - {"logAnswer"}


def stock(symbol: str = "AAPL") -> Contract:
    """Return a US stock."""
    return contract(symbol, "STK", "SMART")


def contract(symbol: str, sec_type: str, exchange: str, **fields: Any) -> Contract:
    """Return a contract in dollars unless `fields` say otherwise."""
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = symbol, sec_type, exchange, "USD"
    vars(made).update(fields)
    return made


def order(action: str, quantity: float, order_type: str = "MKT", **fields: Any) -> Order:
    """Return an order with the client's own defaults."""
    made = Order()
    made.action, made.totalQuantity, made.orderType = action, quantity, order_type
    vars(made).update(fields)
    return made
