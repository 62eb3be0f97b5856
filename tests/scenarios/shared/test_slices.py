"""A parent order worked in slices: pauses, resumes, survives restarts, never exceeds itself."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tradedesk.stack.clients import ACCOUNT
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System


def body(seconds: float, **changes: Any) -> dict[str, Any]:
    return {
        "cl_ord_id": f"sliced-{uuid.uuid4()}"[:50],
        "account": ACCOUNT,
        "instrument": {"symbol": "MSFT"},
        "side": "BUY",
        "order_qty": "100",
        "ord_type": "MARKET",
        "strategy": "TWAP",
        "slices": 5,
        "end_time": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
        **changes,
    }


def place(stack: System, asked: dict[str, Any]) -> dict[str, Any]:
    answer = stack.api.post("/slices", json=asked)
    assert answer.status_code == 201, answer.text
    parent: dict[str, Any] = answer.json()
    return parent


def now(stack: System, parent: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = stack.api.get(f"/slices/{parent['id']}").json()
    return found


def ask(stack: System, parent: dict[str, Any], what: str) -> None:
    answer = stack.api.post(f"/slices/{parent['id']}/{what}")
    assert answer.status_code == 202, answer.text


def sent(stack: System, parent: dict[str, Any]) -> Decimal:
    """What the gateway has been asked for, by its own ledger."""
    refs = {stack.api.order(child)["order_ref"] for child in now(stack, parent)["children"]}
    rows = [row for row in stack.control.orders() if row["order_ref"].split("-")[0] in refs]
    return sum((Decimal(row["total_quantity"]) for row in rows), Decimal(0))


@pytest.mark.soak
def test_a_sliced_order_completes_through_a_killed_worker(stack: System) -> None:
    asked = body(40)
    parent = place(stack, asked)
    eventually(lambda: now(stack, parent)["made"] >= 2, pause=0.1)
    stack.kill("broker")
    stack.start("broker")
    eventually(lambda: now(stack, parent)["state"] == "DONE", limit=120, pause=0.5)
    done = now(stack, parent)
    assert (done["cum_qty"], done["open_qty"], sent(stack, parent)) == ("100", "0", 100)
    again = stack.api.post("/slices", json=asked)
    assert (again.status_code, again.json()["id"]) == (200, parent["id"])


@pytest.mark.soak
def test_a_paused_one_keeps_its_window_and_spreads_the_rest(stack: System) -> None:
    parent = place(stack, body(25))
    eventually(lambda: now(stack, parent)["made"] >= 1)
    ask(stack, parent, "pause")
    made = now(stack, parent)
    stack.kill("broker")
    stack.start("broker")
    eventually(lambda: datetime.now(UTC) > datetime.fromisoformat(made["start_time"]) + timedelta(seconds=8))
    assert now(stack, parent)["made"] == made["made"]
    ask(stack, parent, "resume")
    assert now(stack, parent)["end_time"] == made["end_time"]
    eventually(lambda: now(stack, parent)["state"] == "DONE", limit=120, pause=0.5)
    assert sent(stack, parent) == 100
    placed = [stack.api.order(child)["timestamps"]["claimed"] for child in now(stack, parent)["children"]]
    assert max(placed) < made["end_time"]


def test_a_canceled_one_takes_its_slices_back(stack: System) -> None:
    parent = place(stack, body(600, ord_type="LIMIT", price="1.00"))
    eventually(lambda: Decimal(now(stack, parent)["open_qty"]) == 20)
    ask(stack, parent, "cancel")
    eventually(lambda: now(stack, parent)["state"] == "CANCELED", limit=90)
    told = now(stack, parent)
    assert (told["cum_qty"], told["leaves_qty"], told["made"]) == ("0", "0", 1)
    assert stack.api.post(f"/slices/{parent['id']}/resume").status_code == 409


def test_a_slice_that_is_refused_pauses_its_parent_with_the_reason(stack: System) -> None:
    stack.control.fault(kind="reject", symbol="MSFT", count=1, reason="not today")
    parent = place(stack, body(20))
    eventually(lambda: now(stack, parent)["state"] == "PAUSED", limit=60)
    assert "REJECTED" in now(stack, parent)["reason"]
    ask(stack, parent, "cancel")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slices": 101}, "slices"),
        ({"end_time": "2020-01-01T00:00:00Z"}, "end_time"),
        ({"slices": 0}, "slices"),
        ({"ord_type": "LIMIT"}, "price"),
        ({"start_time": "2030-01-01T00:00:00Z"}, "end_time"),
    ],
)
def test_a_wrong_one_is_refused_with_the_field(stack: System, change: dict[str, Any], field: str) -> None:
    answer = stack.api.post("/slices", json=body(60, **change))
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
