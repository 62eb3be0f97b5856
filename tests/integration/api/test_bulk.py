"""POST /api/v1/orders/bulk."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.models import IdempotencyKey, Order, OutboxCommand
from orders.tasks import tidy
from tests.integration.api.conftest import OTHER, Api, body

TOO_MUCH: dict[str, Any] = {"order_qty": "10001", "price": "1"}


def bulk(api: Api, orders: list[Any], mode: str = "per_item", key: str = "") -> HttpResponse:
    headers = {**api.headers, **({"Idempotency-Key": key} if key else {})}
    text = json.dumps({"mode": mode, "orders": orders})
    return api.client.post("/api/v1/orders/bulk", text, content_type="application/json", headers=headers)


def statuses(answer: HttpResponse) -> list[int]:
    return [result["status"] for result in answer.json()["results"]]


def test_a_thousand_orders_are_recorded_with_a_handful_of_queries(api: Api) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = bulk(api, [body(f"a-{n}") for n in range(1000)])
    assert answer.json()["summary"] == {"201": 1000}
    assert Order.objects.count() == OutboxCommand.objects.count() == 1000
    assert len(queries) < 50, queries.captured_queries[25:35]
    commands = OutboxCommand.objects.order_by("id").values_list("order__cl_ord_id", flat=True)
    assert list(commands) == [f"a-{n}" for n in range(1000)]


def test_an_order_of_a_bulk_is_recorded_as_one_placed_alone(api: Api) -> None:
    alone = api.post("orders", body("a-1")).json()
    together = bulk(api, [body("a-2")]).json()["results"][0]["order"]
    told = {"id", "cl_ord_id", "current_cl_ord_id", "order_ref", "timestamps"}
    assert {k: v for k, v in alone.items() if k not in told} == {
        k: v for k, v in together.items() if k not in told
    }
    events = [api.get(f"orders/{order['id']}/events").json()["results"] for order in (alone, together)]
    assert [event["kind"] for event in events[0]] == [event["kind"] for event in events[1]]
    assert together["timestamps"]["recorded"]
    assert together["timestamps"]["queued"]


def test_each_order_has_its_own_result(api: Api) -> None:
    api.post("orders", body("old"))
    orders = [body("a-1"), body("old"), body("old", price="1"), body("big", **TOO_MUCH), {"cl_ord_id": "x"}]
    answer = bulk(api, [*orders, body("b", account=OTHER), body("a-1"), body("a-1", side="SELL")])
    assert answer.status_code == 200
    assert statuses(answer) == [201, 200, 409, 422, 400, 400, 200, 409]
    refused = answer.json()["results"][3]
    assert refused["problem"]["code"] == refused["order"]["reason"]["code"] == "QTY_ABOVE_LIMIT"
    assert [check["check"] for check in refused["problem"]["report"] if not check["passed"]]
    assert Order.objects.count() == 3


def test_all_or_none_is_all_when_all_are_good(api: Api) -> None:
    answer = bulk(api, [body("a-1"), body("a-2")], "all_or_none")
    assert (answer.status_code, statuses(answer)) == (200, [201, 201])


@pytest.mark.parametrize("bad", [body("bad", **TOO_MUCH), body("bad", side="UP"), body("bad", price="1.001")])
def test_all_or_none_is_none_when_one_is_bad(api: Api, bad: dict[str, Any]) -> None:
    answer = bulk(api, [body("a-1"), bad, body("a-2")], "all_or_none")
    assert (answer.status_code, answer.json()["code"]) == (422, "BULK_REFUSED")
    assert [status == 424 for status in statuses(answer)] == [True, False, True]
    assert not Order.objects.exists()


def test_the_same_key_gives_the_same_answer(api: Api) -> None:
    orders = [body("a-1"), body("bad", side="UP")]
    first, second = bulk(api, orders, key="k-1"), bulk(api, orders, key="k-1")
    assert first.json() == second.json()
    assert (second["Idempotent-Replayed"], statuses(second)) == ("true", [201, 400])
    assert "Idempotent-Replayed" not in first


def test_a_refused_bulk_is_refused_again_under_its_key(api: Api) -> None:
    orders = [body("a-1"), body("bad", side="UP")]
    first, second = (bulk(api, orders, "all_or_none", key="k-1") for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())


def test_a_key_names_one_request_of_one_client(api: Api, token: Callable[..., str]) -> None:
    bulk(api, [body("a-1")], key="k-1")
    answer = bulk(api, [body("a-2")], key="k-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert statuses(bulk(Api(token("other")), [body("a-2")], key="k-1")) == [201]


def test_a_repeated_bulk_without_key_is_safe_by_client_ids(api: Api) -> None:
    for mode in ("per_item", "all_or_none"):
        orders = [body(f"{mode}-{n}") for n in range(3)]
        assert statuses(bulk(api, orders, mode)) == [201] * 3
        assert statuses(bulk(api, orders, mode)) == [200] * 3
    assert Order.objects.count() == 6


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"orders": []}, "orders"),
        ({"orders": [{}] * 1001}, "orders"),
        ({"orders": [{}], "mode": "x"}, "mode"),
        ({}, "orders"),
    ],
)
def test_a_bulk_of_a_wrong_form_is_400(api: Api, wrong: dict[str, Any], field: str) -> None:
    answer = api.post("orders/bulk", wrong)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("key", ["", "k-1"])
def test_a_refused_entry_is_told_under_the_id_that_it_gives(api: Api, key: str) -> None:
    wrong = [body("a-1", side="HOLD"), body("a-2", account="DU999"), body("a b"), body(7), {}]
    for _ in range(2):
        results = bulk(api, wrong, key=key).json()["results"]
        assert [result["cl_ord_id"] for result in results] == ["a-1", "a-2", None, None, None]


@pytest.mark.parametrize("key", ["", "k-1"])
def test_an_entry_that_is_no_object_is_refused_alone_in_its_place(api: Api, key: str) -> None:
    strange: list[Any] = [1, None, "x", [], True]
    results = bulk(api, [*strange, body("a-1")], key=key).json()["results"]
    assert [result["status"] for result in results] == [400] * len(strange) + [201]
    for place, (entry, result) in enumerate(zip(strange, results[:-1], strict=True)):
        assert (result["index"], result["cl_ord_id"], result["order"]) == (place, None, None)
        assert result["problem"] == api.post("orders", json.dumps(entry)).json()  # as alone
    assert Order.objects.count() == 1


@pytest.mark.parametrize("strange", [1, None, "x", []])
def test_all_or_none_is_none_for_an_entry_that_is_no_object(api: Api, strange: Any) -> None:
    answer = bulk(api, [body("a-1"), strange], "all_or_none")
    assert (answer.status_code, answer.json()["code"]) == (422, "BULK_REFUSED")
    assert statuses(answer) == [424, 400]
    assert not Order.objects.exists()


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_is_printable(api: Api, key: str) -> None:
    headers = {**api.headers, "Idempotency-Key": key}
    text = json.dumps({"orders": [body()]})
    answer = api.client.post("/api/v1/orders/bulk", text, content_type="application/json", headers=headers)
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_hostile_orders_are_answered_one_by_one(api: Api) -> None:
    orders = [
        {"\ud800": "\udfff", "cl_ord_id": "\ud800"},
        {"cl_ord_id": "\x00"},
        {"a" * 500: []},
        body("a-1"),
    ]
    answer = bulk(api, orders, key="k-1")
    assert statuses(answer) == [400, 400, 400, 201]


def test_keys_are_forgotten_after_a_week(api: Api) -> None:
    bulk(api, [body("a-1")], key="k-1")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert tidy()["idempotency_keys"] == 1
    assert statuses(bulk(api, [body("a-1")], key="k-1")) == [200]
