"""The doors that the demo uses: the public API, and the control port of the simulated gateway."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import Any

import httpx

from tradedesk_client import Tradedesk

Document = dict[str, Any]
CONNECTIONS = 4


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The gateway's own books: rows as its control port gives them."""

    orders: list[Document]
    executions: list[Document]
    positions: list[Document]


def executions_since(desk: Tradedesk, account: str, since: str) -> list[Document]:
    """The account's executions that we heard of at or after this time (their own times are the broker's)."""
    return list(takewhile(lambda each: each["received_at"] >= since, desk.executions(account=account)))


class Gateway:
    """The control port of the simulated gateway."""

    def __init__(self, control: str) -> None:
        self.client = httpx.Client(base_url=control, timeout=30, trust_env=False)

    def ledger(self) -> Ledger:
        """Everything in its books."""
        rows = {name: self._rows(name) for name in ("orders", "executions", "positions")}
        return Ledger(**rows)

    def move(self, symbol: str, price: Decimal) -> None:
        """Move the market of this symbol to a price."""
        self.client.post("/prices", json={"symbol": symbol, "price": f"{price:f}"}).raise_for_status()

    def _rows(self, name: str) -> list[Document]:
        return list(self.client.get(f"/{name}").raise_for_status().json())
