"""The dead man's switch with real processes: who falls silent has nothing working at the gateway any more."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tradedesk.stack.clients import Api
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

WORKING = {"PreSubmitted", "Submitted"}
WITHIN = 30  # seconds
RESTING = {"ord_type": "LIMIT", "price": "20.00", "max_age": "300"}


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS) as system:
        yield system


@pytest.fixture
def robot(stack: System) -> Iterator[Api]:
    """A client that must beat."""
    wanted = ("--accounts", "all", "--scopes", "read,trade,cancel", "--approved-by", "approver")
    token = stack.manage("apitoken", "robot", *wanted, "--heartbeat", str(WITHIN)).strip()
    with Api(stack.urls.http, token) as api:
        yield api


def statuses(stack: System, order_ref: str) -> set[str]:
    """What the gateway's own ledger says of an order."""
    return {row["status"] for row in stack.control.orders() if row["order_ref"] == order_ref}


def test_the_orders_of_who_falls_silent_are_canceled_whatever_died_meanwhile(
    stack: System, robot: Api
) -> None:
    beaten = robot.post("/heartbeat", json={"within": WITHIN})
    assert beaten.status_code == 200, beaten.text
    silent = [robot.placed("MSFT", order_qty=str(quantity), **RESTING) for quantity in (10, 20)]
    others = stack.api.placed("MSFT", order_qty="30", **RESTING)
    every = [order["order_ref"] for order in (*silent, others)]
    eventually(lambda: all(statuses(stack, ref) & WORKING for ref in every), limit=120)
    stack.kill("web", "broker")
    stack.wipe_redis()
    time.sleep(WITHIN)  # the beat that never comes was due while nobody was there to notice
    assert all(statuses(stack, ref) & WORKING for ref in every)
    stack.start("broker", "web")
    eventually(
        lambda: all(statuses(stack, order["order_ref"]) == {"Cancelled"} for order in silent), limit=120
    )
    assert statuses(stack, others["order_ref"]) & WORKING
    assert robot.place("MSFT", order_qty="40", **RESTING).json()["code"] == "HEARTBEAT_MISSED"
    assert {robot.state(order["id"]) for order in silent} == {"CANCELED"}
