"""The gateway restarts at the moment of the open: what waited for it is filled once, and new orders go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tradedesk.chaos.kills import Flow, compare, quiet
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

AGAIN_WITHIN = 10.0  # seconds from the gateway's return, on a machine that has nothing else to do
BUSY = 3  # here others work beside
WORKING = {"ACCEPTED", "PENDING"}
EARLY, LATE = "AAPL", "NVDA"  # one opens as the gateway goes, the other while it is away
QUEUED: tuple[dict[str, str], ...] = (
    {"ord_type": "MARKET", "time_in_force": "OPG"},
    {"ord_type": "LIMIT", "price": "900", "time_in_force": "OPG"},
    {"ord_type": "MARKET"},
    {"ord_type": "LIMIT", "price": "900"},
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS) as system:
        yield system


def queue_for_the_open(stack: System) -> list[dict[str, Any]]:
    """Orders that the gateway has, and that nothing fills before the market opens."""
    for symbol in (EARLY, LATE):
        stack.control.post("/halt", json={"symbol": symbol}).raise_for_status()
    orders = [
        stack.api.placed(symbol, max_age="3600", **terms) for symbol in (EARLY, LATE) for terms in QUEUED
    ]
    eventually(lambda: {stack.api.state(order["id"]) for order in orders} <= WORKING)
    return orders


def open_market(stack: System, symbol: str) -> None:
    """The exchange's auction, then continuous trading."""
    stack.control.post("/auction", json={"symbol": symbol, "auction": "open"}).raise_for_status()
    stack.control.post("/halt", json={"symbol": symbol, "halted": False}).raise_for_status()


def is_back(stack: System) -> bool:
    """Whether the gateway answers; who trades through it may not have logged in yet."""
    return stack.control.get("/healthz").is_success


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_a_gateway_restart_at_the_open_is_survived(
    stack: System, how: str, record_property: Callable[[str, object], None]
) -> None:
    orders = queue_for_the_open(stack)
    with Flow(stack.api, f"open-{how}", rate=20) as flow:
        time.sleep(2)
        open_market(stack, EARLY)
        went = time.monotonic()
        (stack.stop if how == "SIGTERM" else stack.kill)("simgateway")
        stack.launch("simgateway")
        eventually(lambda: is_back(stack), pause=0.05)
        back = time.monotonic()
        open_market(stack, LATE)  # most of these fills are found only by asking
        later = stack.api.placed("AAPL", max_age="3600")
        eventually(lambda: stack.api.state(later["id"]) == "COMPLETED", pause=0.05)
        again = time.monotonic()
        time.sleep(2)
    record_property("seconds the gateway was away", round(back - went, 1))
    record_property("seconds from its return to an execution", round(again - back, 1))
    assert again - back < AGAIN_WITHIN * BUSY
    assert quiet(stack) == []
    taken = [*flow.taken, later["id"], *(order["id"] for order in orders)]
    record_property("orders", len(taken))
    assert {name: found for name, found in compare(stack, taken).items() if found} == {}
    assert {status for status in flow.statuses if status >= 400} == set()
