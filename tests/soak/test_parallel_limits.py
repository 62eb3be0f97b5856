"""Sixty-four requests at once through two web processes: together they get what one may, in every round."""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tradedesk.stack.clients import Api
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.processes.commands import ONLOOKERS, web
from tradedesk.stack.system import System

#: More of them by the environment.
ROUNDS = int(os.environ.get("ROUNDS", "60"))
AT_ONCE, ALLOWED = 64, 10
OPEN = (
    "SELECT count(*) FROM orders_order WHERE state NOT IN "
    "('FILLED', 'COMPLETED', 'CANCELED', 'EXPIRED', 'REJECTED', 'FAILED')"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS) as system:
        yield system


@pytest.fixture(scope="module")
def clients(stack: System) -> Iterator[list[Api]]:
    """Eight connections to each of two web processes."""
    port = free_port()
    stack.processes["web2"] = web(port)
    stack.start("web2")
    token = stack.api.headers["Authorization"].split()[1]
    doors = [Api(url, token) for url in (stack.urls.http, f"http://127.0.0.1:{port}") for _ in range(8)]
    yield doors
    for client in doors:
        client.close()


def resting() -> dict[str, Any]:
    return {
        "cl_ord_id": uuid.uuid4().hex,
        "account": "DU1234567",
        "instrument": {"symbol": "AAPL"},
        "side": "BUY",
        "order_qty": "1",
        "ord_type": "LIMIT",
        "price": "1.00",
    }


def answered(client: Api, body: dict[str, Any]) -> int:
    """The status; a machine that is too busy says so, and is asked again with the same id."""
    while (status := client.post("/orders", json=body).status_code) in (429, 503):
        time.sleep(0.1)
    return 201 if status == 200 else status  # 200: the one before had been recorded


def limit(stack: System, most: int) -> None:
    with stack.connect() as connection:
        connection.execute("UPDATE orders_accountlimit SET max_open_orders = %s", [most])


def test_parallel_requests_get_together_what_one_may(stack: System, clients: list[Api]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for turn in range(ROUNDS):
            [(working,)] = stack.rows(OPEN)
            limit(stack, working + ALLOWED)
            asked = [
                pool.submit(answered, clients[number % len(clients)], resting()) for number in range(AT_ONCE)
            ]
            codes = Counter(one.result() for one in asked)
            assert codes == {201: ALLOWED, 422: AT_ONCE - ALLOWED}, turn
            if turn % 20 == 9:
                cancel_all(stack, clients[0])


def cancel_all(stack: System, client: Api) -> None:
    """Room comes back with each order that ends."""
    client.post("/orders/cancel-all", json={"account": "DU1234567"}).raise_for_status()
    eventually(lambda: stack.rows(OPEN) == [(0,)], limit=120)
