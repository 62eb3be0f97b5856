"""Brackets and one-cancels-all through the wire: whole or absent, whatever happens on the way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.examples import more_in_soak
from tradedesk.stack.clients import ACCOUNT
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

WORKING = ("ACCEPTED", "PENDING")
OVER = ("CANCELED", "REJECTED", "FAILED")


def part(side: str, ord_type: str, **terms: Any) -> dict[str, Any]:
    """One order of a group."""
    return {
        "cl_ord_id": f"part-{uuid.uuid4()}",
        "account": ACCOUNT,
        "instrument": {"symbol": "AAPL"},
        "side": side,
        "order_qty": "10",
        "ord_type": ord_type,
        "max_age": "600",
        **terms,
    }


def bracket(price: str = "220", **changes: Any) -> dict[str, Any]:
    """Buy at `price`, take profit at 240, stop at 210."""
    orders = [
        part("BUY", "LIMIT", price=price),
        part("SELL", "LIMIT", price="240"),
        part("SELL", "STOP", stop_px="210"),
    ]
    return {"list_id": f"list-{uuid.uuid4()}", "kind": "BRACKET", "orders": orders, **changes}


def place(stack: System, body: dict[str, Any]) -> dict[str, Any]:
    answer = stack.api.post("/groups", json=body)
    assert answer.status_code == 201, answer.text
    group: dict[str, Any] = answer.json()
    return group


def states(stack: System, group: dict[str, Any]) -> list[str]:
    return [order["state"] for order in stack.api.get(f"/groups/{group['id']}").json()["orders"]]


def rows(stack: System, group: dict[str, Any]) -> list[dict[str, Any]]:
    """What the gateway has of the group's orders, under any attempt."""
    known = stack.control.orders()
    refs = [order["order_ref"] for order in group["orders"]]
    return [row for ref in refs for row in known if row["order_ref"].split("-")[0] == ref]


def works(stack: System, group: dict[str, Any]) -> bool:
    return all(state in WORKING for state in states(stack, group))


@pytest.fixture(autouse=True)
def calm(stack: System) -> Iterator[None]:
    """Every case begins at 230 and leaves nothing behind."""
    stack.control.post("/prices", json={"symbol": "AAPL", "price": "230"}).raise_for_status()
    yield
    for order in stack.api.get("/orders", params={"open": "true"}).json()["results"]:
        stack.api.cancel(order["id"])


def test_a_bracket_is_a_chain_whose_exits_end_each_other(stack: System) -> None:
    group = place(stack, bracket())
    eventually(lambda: works(stack, group))
    entry, profit, stop = rows(stack, group)
    assert [row["terms"].get("transmit", True) for row in (entry, profit, stop)] == [False, False, True]
    assert [row["terms"].get("parent_id") for row in (profit, stop)] == [entry["order_id"]] * 2
    for price in ("219", "241"):
        stack.control.post("/prices", json={"symbol": "AAPL", "price": price}).raise_for_status()
    eventually(lambda: states(stack, group) == ["COMPLETED", "COMPLETED", "CANCELED"], limit=90)


def test_one_cancels_all(stack: System) -> None:
    orders = [part("BUY", "LIMIT", price="220"), part("BUY", "STOP", stop_px="240")]
    group = place(stack, bracket(kind="OCA", oca_type="CANCEL", orders=orders))
    eventually(lambda: works(stack, group))
    names = {row["terms"]["oca_group"] for row in rows(stack, group)}
    assert (len(names), rows(stack, group)[0]["terms"]["oca_type"]) == (1, 1)
    stack.control.post("/prices", json={"symbol": "AAPL", "price": "219"}).raise_for_status()
    eventually(lambda: states(stack, group) == ["COMPLETED", "CANCELED"], limit=90)


def test_a_group_is_canceled_whole(stack: System) -> None:
    group = place(stack, bracket())
    eventually(lambda: works(stack, group))
    assert stack.api.post(f"/groups/{group['id']}/cancel").status_code == 202
    eventually(lambda: set(states(stack, group)) == {"CANCELED"}, limit=90)


def test_the_same_group_again_is_the_same_group(stack: System) -> None:
    body = bracket()
    group = place(stack, body)
    again = stack.api.post("/groups", json=body)
    assert (again.status_code, again.json()["id"]) == (200, group["id"])
    other = stack.api.post("/groups", json={**bracket(), "list_id": body["list_id"]})
    assert (other.status_code, other.json()["code"]) == (409, "CL_ORD_ID_REUSED")


@pytest.mark.parametrize("lost", more_in_soak([2], [1, 3]))
def test_a_lost_message_leaves_the_group_whole_or_absent(stack: System, lost: int) -> None:
    stack.control.fault(kind="drop_place", nth=lost, count=1)
    group = place(stack, bracket())
    alive = ("Submitted", "PreSubmitted", "PendingSubmit")

    def settled() -> bool:
        found = states(stack, group)
        there = [row for row in rows(stack, group) if row["status"] in alive]
        if all(state in WORKING for state in found):
            return len(there) == 3
        return all(state in OVER for state in found) and not there

    assert eventually(settled, limit=120, pause=0.5)


def test_the_worker_killed_while_it_sends_leaves_the_group_whole(stack: System) -> None:
    stack.control.fault(kind="hang", seconds=3)
    group = place(stack, bracket())
    eventually(lambda: stack.api.order(group["orders"][0]["id"])["timestamps"]["claimed"], pause=0.02)
    stack.kill("broker")
    stack.start("broker")
    eventually(lambda: works(stack, group), limit=120, pause=0.5)
    found = [row for row in rows(stack, group) if row["status"] not in ("Cancelled", "Inactive")]
    assert [row["place_count"] for row in found] == [1, 1, 1]


def test_an_exit_that_the_broker_rejects_takes_the_entry_back(stack: System) -> None:
    stack.control.fault(kind="reject", order_type="STP", count=1, reason="no stops today")
    group = place(stack, bracket())
    eventually(lambda: all(state in OVER for state in states(stack, group)), limit=120, pause=0.5)
    told = stack.api.get(f"/groups/{group['id']}").json()
    assert "REJECTED" in told["broken"]
    assert not [row for row in rows(stack, group) if row["status"] in ("Submitted", "PreSubmitted")]


@pytest.mark.parametrize(
    ("nth", "where"),
    more_in_soak([(2, "middle")], [(1, "before"), (1, "after"), (2, "after"), (3, "after")]),
)
def test_a_crash_at_any_message_leaves_the_group_whole(stack: System, nth: int, where: str) -> None:
    """The gateway is left at exactly this message, and the process that sent it is killed."""
    before = len(stack.control.get("/strikes").json())
    stack.control.fault(kind="cut_in", message="placeOrder", nth=nth, where=where, count=1)
    group = place(stack, bracket())
    eventually(lambda: len(stack.control.get("/strikes").json()) > before, pause=0.01)
    stack.kill("broker")
    stack.start("broker")
    eventually(lambda: works(stack, group), limit=120, pause=0.5)
    alive = [row for row in rows(stack, group) if row["status"] not in ("Cancelled", "Inactive")]
    assert [row["place_count"] >= 1 for row in alive] == [True] * 3


def test_an_exit_that_fails_after_entry_calls_a_person(stack: System) -> None:
    stack.control.fault(kind="reject", order_type="STP", count=1, delay_ms=4000, reason="no stops any more")
    group = place(stack, bracket(price="240"))
    eventually(lambda: states(stack, group)[2] == "REJECTED", limit=90)
    told = eventually(lambda: stack.api.get(f"/groups/{group['id']}").json()["broken"], limit=60)
    assert "its entry has executed" in told
    text = "SELECT kind FROM orders_alert WHERE order_id = %s AND cleared_at IS NULL"
    assert ("GROUP_BROKEN",) in stack.rows(text, group["orders"][2]["id"])
    assert states(stack, group)[:2] == ["COMPLETED", "PENDING"]  # the exit that is left protects


@pytest.mark.parametrize(
    ("number", "change", "field"),
    [
        (1, {"side": "BUY"}, "orders.1.side"),
        (2, {"order_qty": "11"}, "orders.2.order_qty"),
        (1, {"time_in_force": "IOC"}, "orders.1.time_in_force"),
        (2, {"stop_px": None}, "orders.2.stop_px"),
        (0, {"account": "DU0"}, "orders.0.account"),
        (1, {"instrument": {"symbol": "MSFT"}}, "orders.1.instrument"),
    ],
)
def test_a_wrong_group_is_refused_with_the_field_that_is_wrong(
    stack: System, number: int, change: dict[str, Any], field: str
) -> None:
    body = bracket()
    body["orders"][number] |= change
    answer = stack.api.post("/groups", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID"), answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_check_that_refuses_one_refuses_all(stack: System) -> None:
    body = bracket()
    for order in body["orders"]:
        order["order_qty"] = "99999"
    answer = stack.api.post("/groups", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "QTY_ABOVE_LIMIT")
    assert {order["state"] for order in answer.json()["group"]["orders"]} == {"REJECTED"}
