"""Whatever dies, every order that was answered 201 is at the gateway exactly once, and orders flow again."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

ORDERS = 120  # three seconds of sending, at the pace a gateway takes
STATES = "SELECT state FROM orders_order WHERE id = ANY(%s::uuid[])"
RESTING: dict[str, Any] = {"ord_type": "LIMIT", "price": "1.00", "max_age": "3600"}


def send(stack: System, count: int) -> list[dict[str, Any]]:
    """Place resting orders; a request without an answer is repeated, as a client should."""

    def place(_: int) -> dict[str, Any]:
        cl_ord_id = f"once-{uuid.uuid4()}"

        def answer() -> dict[str, Any] | None:
            response = stack.api.place(cl_ord_id=cl_ord_id, **RESTING)
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                return None
            assert response.status_code in (httpx.codes.CREATED, httpx.codes.OK), response.text
            order: dict[str, Any] = response.json()
            return order

        return eventually(answer, limit=120)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(place, range(count)))


def assert_each_once(stack: System, orders: list[dict[str, Any]]) -> None:
    """All work, each under one reference, placed by one message."""

    def all_work() -> bool:
        states = Counter(state for (state,) in stack.rows(STATES, [order["id"] for order in orders]))
        assert states == {"PENDING": len(orders)}, states
        return True

    eventually(all_work, limit=200, pause=0.5)
    rows = [row for row in stack.control.orders() if row["status"] not in ("Filled", "Cancelled")]
    placed = Counter(row["order_ref"].split("-")[0] for row in rows)
    expected = {order["order_ref"].split("-")[0] for order in orders}
    assert {ref: n for ref, n in placed.items() if ref in expected} == dict.fromkeys(expected, 1)
    assert {row["place_count"] for row in rows} == {1}


def assert_flows(stack: System) -> None:
    """An order that needs prices and fills completes: all parts work together again."""
    stack.wait_until_ready()
    # By default a market order is stale within seconds; a worker on a busy machine may start as long.
    order = eventually(lambda: stack.api.placed("MSFT", max_age="300"), limit=120)
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=120)
    assert stack.control.received(order["order_ref"]) == 1


def during(stack: System, harm: Callable[[], None]) -> list[dict[str, Any]]:
    """Send orders in a steady stream and do harm in the middle of it; an order flows as soon as it may."""
    before = len(stack.control.orders())
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, stack, ORDERS)
        eventually(lambda: len(stack.control.orders()) > before + 10, limit=120, pause=0.02)
        harm()
        assert_flows(stack)
        return sending.result()


def test_the_broker_worker_killed_between_claim_and_acknowledgement(stack: System) -> None:
    stack.control.fault(kind="hang", seconds=4)  # claimed and written, but nobody reads or answers
    order = stack.api.placed(**RESTING)
    eventually(lambda: stack.api.order(order["id"])["timestamps"]["claimed"], limit=60, pause=0.02)
    stack.kill("broker")
    stack.start("broker")
    assert_each_once(stack, [order])


def test_the_broker_worker_killed_in_a_stream_of_orders(stack: System) -> None:
    def kill_twice() -> None:
        for _ in range(2):
            stack.kill("broker")
            stack.start("broker")

    assert_each_once(stack, during(stack, kill_twice))


def test_the_web_process_killed_in_a_stream_of_orders(stack: System) -> None:
    def restart() -> None:
        stack.kill("web")
        stack.start("web")

    assert_each_once(stack, during(stack, restart))


def test_redis_wiped_in_a_stream_of_orders(stack: System) -> None:
    assert_each_once(stack, during(stack, stack.wipe_redis))


def test_redis_killed_and_back_empty_in_a_stream_of_orders(stack: System) -> None:
    assert_each_once(stack, during(stack, stack.lose_redis))


def test_postgresql_restarted_in_a_stream_of_orders(stack: System) -> None:
    assert_each_once(stack, during(stack, stack.restart_postgres))


def test_the_gateway_killed_in_a_stream_of_orders(stack: System) -> None:
    def restart() -> None:
        stack.kill("simgateway")
        stack.start("simgateway")

    assert_each_once(stack, during(stack, restart))


@pytest.mark.soak
def test_the_gateway_frozen_in_a_stream_of_orders(stack: System) -> None:
    def freeze() -> None:
        stack.freeze("simgateway")
        eventually(lambda: stack.api.get("/sessions").json()["results"][0]["link"] == "DOWN", limit=60)
        stack.thaw("simgateway")

    assert_each_once(stack, during(stack, freeze))
