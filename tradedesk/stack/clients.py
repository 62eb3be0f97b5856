"""The two doors of a stack that is tried out: the public API, and the gateway's own ledger."""

from __future__ import annotations

import uuid
from typing import Any, cast

import httpx

ACCOUNT = "DU1234567"


class OtherAnswer(AssertionError):
    """The answer was not the one that was needed; to a poll (`eventually`) it means "not yet"."""


def require(answer: httpx.Response, status: int) -> httpx.Response:
    """The answer, when it has this status; raises OtherAnswer with its text when not."""
    if answer.status_code != status:
        raise OtherAnswer(f"{answer.status_code}: {answer.text}")
    return answer


class Api(httpx.Client):
    """The REST API with a token of all scopes."""

    def __init__(self, http: str, token: str) -> None:
        super().__init__(
            base_url=f"{http}/api/v1",
            headers={"Authorization": f"Token {token}"},
            timeout=30,
            trust_env=False,
        )

    def place(self, symbol: str = "AAPL", **fields: Any) -> httpx.Response:
        """Send an order: a market order to buy 10 unless the fields say otherwise."""
        order = {
            "cl_ord_id": f"scenario-{uuid.uuid4()}",
            "account": ACCOUNT,
            "instrument": {"symbol": symbol, "sec_type": "STK", "exchange": "SMART", "currency": "USD"},
            "side": "BUY",
            "order_qty": "10",
            "ord_type": "MARKET",
            "time_in_force": "DAY",
        }
        return self.post("/orders", json=order | fields)

    def placed(self, symbol: str = "AAPL", **fields: Any) -> dict[str, Any]:
        """Send an order that must be taken (201); returns it."""
        answer = require(self.place(symbol, **fields), httpx.codes.CREATED)
        return cast(dict[str, Any], answer.json())

    def order(self, order_id: str) -> dict[str, Any]:
        """One order as it is now."""
        answer = require(self.get(f"/orders/{order_id}"), httpx.codes.OK)
        return cast(dict[str, Any], answer.json())

    def state(self, order_id: str) -> str:
        """The state of one order now."""
        return str(self.order(order_id)["state"])

    def cancel(self, order_id: str) -> httpx.Response:
        """Ask for a cancel."""
        return self.post(f"/orders/{order_id}/cancel")


class Control(httpx.Client):
    """The control port of the simulated gateway: what it received, and the faults it is told to make."""

    def __init__(self, control: str) -> None:
        super().__init__(base_url=control, timeout=30, trust_env=False)

    def orders(self) -> list[dict[str, Any]]:
        """Every order in the gateway's ledger."""
        return cast(list[dict[str, Any]], self.get("/orders").raise_for_status().json())

    def executions(self) -> list[dict[str, Any]]:
        """Every execution in the gateway's ledger."""
        return cast(list[dict[str, Any]], self.get("/executions").raise_for_status().json())

    def received(self, order_ref: str) -> int:
        """How often an order stands in the ledger: once is right."""
        return sum(order["order_ref"] == order_ref for order in self.orders())

    def fault(self, **fault: Any) -> None:
        """Make a fault."""
        self.post("/faults", json=[fault]).raise_for_status()
