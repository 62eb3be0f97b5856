"""The API of a live stack: tried by a foreign tool that knows nothing but its description, and raced."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.examples import more_in_soak
from tests.stack.schemathesis import ACCOUNT, SETTINGS, cases_without_a_fault, token
from tradedesk.stack.clients import Api as Client
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

#: Without a token every answer is 401, so a few cases per operation say it all. The thousands of cases of the
#: coverage phase are the same each time: tests/soak/test_deep_schemathesis.py runs them.
OPTIONS = {
    "nobody": ["--max-examples", "2", "--phases", "examples,fuzzing"],
    "one account": ["--max-examples", "1", "--phases", "fuzzing"],
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS, **SETTINGS) as system:
        yield system


@pytest.mark.parametrize("who", more_in_soak(["one account"], ["nobody"]))
def test_schemathesis_finds_nothing(
    stack: System, who: str, record_property: Callable[[str, object], None]
) -> None:
    """With many examples: tests/soak/test_deep_schemathesis.py."""
    known = [] if who == "nobody" else token(stack)
    cases = cases_without_a_fault(stack, *OPTIONS[who], *known)
    record_property("cases", cases)
    assert cases > 50


def at_once(count: int, act: Callable[[Client, int], httpx.Response], stack: System) -> list[httpx.Response]:
    """Do something in so many threads, each with a connection of its own, all at the same moment."""
    start = Barrier(count)

    def run(number: int) -> httpx.Response:
        with Client(stack.urls.http, stack.api.headers["Authorization"].split()[1]) as client:
            client.get("/sessions")  # the connection stands before the race begins
            start.wait()
            return act(client, number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def resting(**changes: Any) -> dict[str, Any]:
    """An order far from the market."""
    body = {"cl_ord_id": f"race-{uuid.uuid4()}", "account": ACCOUNT, "instrument": {"symbol": "AAPL"}}
    return body | {"side": "BUY", "order_qty": "10", "ord_type": "LIMIT", "price": "1.00"} | changes


def test_fifty_identical_requests_give_one_order_and_equal_answers(stack: System) -> None:
    order = resting()
    answers = at_once(50, lambda client, _: client.post("/orders", json=order), stack)
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    terms = {
        json.dumps([answer.json()[name] for name in order if name != "instrument"]) for answer in answers
    }
    assert len(terms) == 1
    ref = answers[0].json()["order_ref"]
    eventually(lambda: stack.api.state(answers[0].json()["id"]) == "PENDING")
    assert stack.control.received(ref) == 1


def test_twenty_bulks_of_one_key_at_once_are_one(stack: System) -> None:
    body = {"mode": "all_or_none", "orders": [resting() for _ in range(5)]}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = at_once(20, lambda client, _: client.post("/orders/bulk", json=body, headers=key), stack)
    assert {answer.status_code for answer in answers} == {200}
    ids = {tuple(result["order_id"] for result in answer.json()["results"]) for answer in answers}
    assert len(ids) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


def test_a_cancel_against_a_fill_ends_as_one_or_the_other(stack: System) -> None:
    def place_and_cancel(client: Client, number: int) -> httpx.Response:
        order = client.post("/orders", json=resting(price="9999.00")).json()  # crosses at once
        return client.post(f"/orders/{order['id']}/cancel")

    asked = [answer for answer in at_once(10, place_and_cancel, stack) if answer.status_code == 202]
    for answer in asked:
        order_id = answer.json()["order_id"]
        order = eventually(lambda order_id=order_id: over(stack, order_id))
        assert (order["state"] in ("FILLED", "COMPLETED")) == (order["leaves_qty"] == "0" != order["cum_qty"])
        assert all(request["state"] in ("ACCEPTED", "REFUSED") for request in order["requests"])


def over(stack: System, order_id: str) -> dict[str, Any] | None:
    """The order, once nothing more happens to it."""
    order = stack.api.order(order_id)
    waiting = any(request["state"] not in ("ACCEPTED", "REFUSED") for request in order["requests"])
    done = order["state"] in ("FILLED", "COMPLETED", "CANCELED", "REJECTED") and not waiting
    return order if done else None


def test_of_replaces_that_saw_the_same_version_one_is_taken(stack: System) -> None:
    placed = stack.api.placed(**resting())
    eventually(lambda: stack.api.state(placed["id"]) == "PENDING")
    tag = stack.api.get(f"/orders/{placed['id']}").headers["ETag"]

    def replace(client: Client, number: int) -> httpx.Response:
        change = {"cl_ord_id": f"race-{uuid.uuid4()}", "order_qty": str(20 + number)}
        return client.post(f"/orders/{placed['id']}/replace", json=change, headers={"If-Match": tag})

    answers = at_once(10, replace, stack)
    assert sorted(answer.status_code for answer in answers) == [202] + [412] * 9
    won = next(answer.json() for answer in answers if answer.status_code == 202)
    eventually(lambda: stack.api.order(placed["id"])["order_qty"] == won["terms"]["order_qty"])


@pytest.mark.soak
def test_a_token_is_rotated_while_it_is_used(stack: System) -> None:
    text = stack.manage("apitoken", "rotated", "--accounts", ACCOUNT, "--scopes", "read").strip()
    statuses: list[int] = []
    with Client(stack.urls.http, text) as old, ThreadPoolExecutor(4) as pool:
        used = [
            pool.submit(lambda: [old.get("/orders?limit=1").status_code for _ in range(25)]) for _ in range(4)
        ]
        new = old.post("/tokens/self/rotate", json={"overlap": 300}).json()["token"]
        statuses = [status for each in used for status in each.result()]
    assert set(statuses) == {200}
    with Client(stack.urls.http, new) as client:
        assert client.get("/orders?limit=1").status_code == 200


def test_a_place_may_wait_for_the_broker(stack: System) -> None:
    answer = stack.api.post("/orders", json=resting(), headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=30")
    assert answer.json()["state"] in ("ACCEPTED", "PENDING")
