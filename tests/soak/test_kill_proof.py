"""The kill switch while everything else fails: it proves what is so, and names what it cannot prove.

Real processes. The gateway's own ledger says whether the proof was true.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tradedesk.stack.clients import Api
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

ACCOUNT = "DU1234567"
OPEN = ("PreSubmitted", "Submitted", "PendingSubmit", "PendingCancel", "ApiPending")
RESTING = 500  # half of them are executed by the moves of the price


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS) as system:
        yield system


def last_price(stack: System, symbol: str) -> Decimal:
    ((price,),) = stack.rows(
        "SELECT last_px FROM brokers_instrument WHERE symbol = %s AND sec_type = 'STK' LIMIT 1", symbol
    )
    return Decimal(price)


def hold(stack: System, *symbols: str) -> None:
    """A position in each."""
    for symbol in symbols:
        order = stack.api.placed(symbol, order_qty="100", max_age="60")
        eventually(lambda order=order: stack.api.state(order["id"]) == "COMPLETED", limit=120)  # type: ignore[misc]


def rest(stack: System, symbol: str, price: Decimal, count: int) -> None:
    """So many resting orders, all at the gateway."""
    with ThreadPoolExecutor(8) as threads:
        terms = {"ord_type": "LIMIT", "order_qty": "10", "max_age": "60"}
        # No two alike, which would be taken for a repetition.
        prices = [price - Decimal("0.01") * number for number in range(count)]
        list(threads.map(lambda px: stack.api.placed(symbol, price=str(px), **terms), prices))


@pytest.fixture
def risk(stack: System) -> Iterator[Api]:
    """The API, for who may press the switch."""
    wanted = ("--accounts", "all", "--scopes", "read,risk", "--approved-by", "approver")
    with Api(stack.urls.http, stack.manage("apitoken", "risk", *wanted).strip()) as api:
        yield api


def press(risk: Api) -> str:
    wanted = {"scope": f"account:{ACCOUNT}", "action": "flatten", "reason": "runs away"}
    answer = risk.post("/kill", json=wanted)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"]).rpartition("/")[2]


def kill_of(risk: Api, kill_id: str) -> dict[str, Any]:
    return dict(risk.get(f"/kill/{kill_id}").raise_for_status().json())


def everything_fails(stack: System, falling: str, price: Decimal) -> None:
    """Fills arrive, the link drops, the broker worker dies twice and Redis forgets all."""
    for step, moved in enumerate((price * Decimal("0.97"), price, price * Decimal("0.96"))):
        stack.control.post("/prices", json={"symbol": falling, "price": f"{moved:.2f}"}).raise_for_status()
        if step == 0:
            stack.control.fault(kind="disconnect")
        else:
            stack.kill("broker")
            stack.wipe_redis()
            stack.start("broker")
        time.sleep(2)  # so that each finds it somewhere else on its way


def open_at_broker(stack: System) -> list[dict[str, Any]]:
    return [row for row in stack.control.orders() if row["status"] in OPEN]


def signed(row: dict[str, Any]) -> Decimal:
    """What an execution adds to a position."""
    return Decimal(row["shares"]) * (1 if row["side"] == "BOT" else -1)


def held_at_broker(stack: System) -> dict[str, Decimal]:
    """Position by symbol, added up from the executions of the gateway's ledger."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for row in stack.control.executions():
        held[row["symbol"]] += signed(row)
    return {symbol: quantity for symbol, quantity in held.items() if quantity}


def assert_only_reduced_since(stack: System, started: datetime) -> None:
    """Whatever the gateway received after the halt came from an order that only reduces."""
    reducing = {ref for (ref,) in stack.rows("SELECT order_ref FROM orders_order WHERE reduce_only")}
    after = [row for row in stack.control.orders() if datetime.fromisoformat(row["received_at"]) > started]
    assert after
    assert [row for row in after if row["order_ref"] not in reducing] == []
    held: dict[str, Decimal] = defaultdict(Decimal)
    for row in stack.control.executions():
        before, held[row["symbol"]] = held[row["symbol"]], held[row["symbol"]] + signed(row)
        if row["order_ref"] in reducing:
            assert before * held[row["symbol"]] >= 0
            assert abs(held[row["symbol"]]) < abs(before)


def test_a_flatten_is_proven_whatever_dies_meanwhile(stack: System, risk: Api) -> None:
    hold(stack, "AAPL", "MSFT")
    price = last_price(stack, "AAPL")
    rest(stack, "AAPL", (price * Decimal("0.98")).quantize(Decimal("0.01")), RESTING // 2)
    rest(stack, "MSFT", Decimal("20.00"), RESTING // 2)
    eventually(lambda: len(open_at_broker(stack)) == RESTING, limit=120)
    kill_id = press(risk)
    everything_fails(stack, "AAPL", price)
    eventually(lambda: kill_of(risk, kill_id)["status"] == "PROVEN", limit=300)
    assert (open_at_broker(stack), held_at_broker(stack)) == ([], {})
    assert_only_reduced_since(stack, datetime.fromisoformat(kill_of(risk, kill_id)["started_at"]))
    first, second = kill_of(risk, kill_id)["snapshots"]
    assert first["connection_started_at"] == second["connection_started_at"]


def test_a_position_in_a_halted_instrument_is_named_and_proves_nothing(stack: System, risk: Api) -> None:
    hold(stack, "AAPL", "MSFT")
    price = last_price(stack, "AAPL")
    rest(stack, "AAPL", (price * Decimal("0.98")).quantize(Decimal("0.01")), 20)
    eventually(lambda: len(open_at_broker(stack)) == 20, limit=120)
    stack.control.post("/halt", json={"symbol": "MSFT"}).raise_for_status()
    kill_id = press(risk)
    everything_fails(stack, "AAPL", price)

    def is_named() -> bool:
        shown = kill_of(risk, kill_id)
        return shown["status"] == "NOT_PROVEN" and any("MSFT" in text for text in shown["blocking"])

    eventually(is_named, limit=300)
    eventually(lambda: held_at_broker(stack) == {"MSFT": Decimal(100)}, limit=120)
    assert_only_reduced_since(stack, datetime.fromisoformat(kill_of(risk, kill_id)["started_at"]))
    stack.control.post("/halt", json={"symbol": "MSFT", "halted": False}).raise_for_status()
