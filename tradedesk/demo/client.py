"""The two doors that the demo uses: the public API, and the control port of the simulated gateway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import Any

import httpx

Document = dict[str, Any]
CONNECTIONS = 4
TRIES, PAUSE = 8, 0.5  # seconds
PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The gateway's own books: rows as its control port gives them."""

    orders: list[Document]
    executions: list[Document]
    positions: list[Document]


class Desk:
    """The REST API over a few connections that are kept open; may be used by several threads."""

    def __init__(self, http: str, token: str) -> None:
        self.client = httpx.Client(
            base_url=f"{http}/api/v1",
            headers={"Authorization": f"Token {token}"},
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            timeout=30,
            trust_env=False,
        )

    def place(self, body: Document) -> httpx.Response:
        """Send an order. Its cl_ord_id makes it safe to send again when no answer came."""
        return self._request("POST", "/orders", body)

    def cancel(self, order_id: str) -> httpx.Response:
        """Ask for the cancel of an order; asking again while one is open is the same request."""
        return self._request("POST", f"/orders/{order_id}/cancel")

    def orders(self, account: str, since: str) -> list[Document]:
        """The account's orders received at or after this time (as the API writes times)."""
        found = self._pages("/orders", account)
        return list(takewhile(lambda order: order["timestamps"]["received"] >= since, found))

    def executions(self, account: str, since: str) -> list[Document]:
        """The account's executions that we heard of at or after this time."""
        found = self._pages("/executions", account)
        return list(takewhile(lambda execution: execution["received_at"] >= since, found))

    def positions(self, account: str) -> list[Document]:
        """The account's positions as the broker reported them last."""
        return list(self._request("GET", f"/positions?account={account}").json()["results"])

    def _pages(self, path: str, account: str) -> Iterator[Document]:
        following: str | None = f"{path}?account={account}&limit={PAGE}"
        while following:
            page = self._request("GET", following.removeprefix("/api/v1")).raise_for_status().json()
            yield from page["results"]
            following = page["next"]

    def _request(self, method: str, path: str, body: Document | None = None) -> httpx.Response:
        """One request, repeated when nothing came back or the answer was "not now" (503)."""
        for _ in range(TRIES - 1):
            try:
                answer = self.client.request(method, path, json=body)
            except httpx.TransportError:
                time.sleep(PAUSE)
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            time.sleep(PAUSE)
        return self.client.request(method, path, json=body)


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
