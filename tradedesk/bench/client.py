"""A lean client: one keep-alive connection for each thread, so that it takes little of what it measures."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import time
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from orders.management.commands.seed import SYMBOLS

NUMBERS = itertools.count(1)
RUN = os.urandom(4).hex()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One request: when it was sent and answered (epoch seconds), the status and the document."""

    sent_at: float
    answered_at: float
    status: int
    document: dict[str, Any]

    @property
    def seconds(self) -> float:
        """From the first byte sent to the whole answer read."""
        return self.answered_at - self.sent_at


class Connection:
    """One connection with one token; used by one thread."""

    def __init__(self, base: str, token: str) -> None:
        self._http = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """One request; raises OSError or http.client.HTTPException when the server is away."""
        sent_at = time.time()
        self._http.request(method, f"/api/v1{path}", body, self._headers)
        answer = self._http.getresponse()
        read = answer.read()
        return Answer(
            sent_at=sent_at, answered_at=time.time(), status=answer.status, document=json.loads(read or b"{}")
        )

    def place(self, order: dict[str, Any]) -> Answer:
        """Send one order."""
        return self.send("/orders", order)

    def send(self, path: str, body: dict[str, Any]) -> Answer:
        """POST a document."""
        return self.ask("POST", path, json.dumps(body).encode())


def market_order(account: str, **fields: Any) -> dict[str, Any]:
    """A market order for one share that the simulated makers fill at once; sides and symbols take turns."""
    number = next(NUMBERS)
    return {
        "cl_ord_id": f"bench-{RUN}-{number}",
        "account": account,
        "instrument": {"symbol": SYMBOLS[number % len(SYMBOLS)], "sec_type": "STK"},
        "side": "BUY" if number // len(SYMBOLS) % 2 else "SELL",
        "order_qty": "1",
        "ord_type": "MARKET",
        "max_age": "3600",
        **fields,
    }
