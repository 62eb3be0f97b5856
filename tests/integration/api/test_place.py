"""POST /api/v1/orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from brokers.order_attributes import ATTRIBUTE_FIELDS
from orders.models import Order
from tests.integration.api.conftest import OTHER, Api, body, is_utc_microseconds


def test_a_new_order_is_201_with_its_location(api: Api) -> None:
    answer = api.post("orders", body())
    order = Order.objects.get()
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/orders/{order.id}"
    assert answer.json()["state"] == "CREATED"
    assert answer.json()["ord_status"] == "PENDING_NEW"


def test_an_order_shows_exactly_the_published_fields(api: Api) -> None:
    order = api.post("orders", body()).json()
    assert set(order) == {
        *("id", "cl_ord_id", "order_ref", "account", "instrument", "side", "order_qty", "ord_type", "price"),
        *("stop_px", "time_in_force", "state", "ord_status", "cum_qty", "leaves_qty", "avg_px", "reason"),
        *("perm_id", "broker_order_id", "version", "requests", "timestamps", "source", "on_unconfirmed"),
        *("if_broker_down", "if_backlog", "strategy", "reduce_only"),
        "group_id",
        "parent_id",
        *ATTRIBUTE_FIELDS,
        *("current_cl_ord_id", "replaced_by", "overfilled", "commission_missing"),
        *("day_order_qty", "day_cum_qty", "day_avg_px"),
    }
    assert (order["order_qty"], order["price"], order["cum_qty"]) == ("100", "229.95", "0")
    assert is_utc_microseconds(order["timestamps"]["received"])
    assert is_utc_microseconds(order["timestamps"]["recorded"])
    assert order["timestamps"]["completed"] is None


def test_the_time_of_receipt_is_before_the_record(api: Api) -> None:
    times = api.post("orders", body()).json()["timestamps"]
    assert times["received"] < times["recorded"]


def test_json_numbers_and_strings_mean_the_same(api: Api) -> None:
    assert api.post("orders", body(order_qty="100", price="229.95")).status_code == 201
    assert api.post("orders", body(order_qty=100, price=229.95)).status_code == 200


def test_the_same_request_again_gives_the_same_order(api: Api) -> None:
    first, second = api.post("orders", body()), api.post("orders", body())
    assert second.status_code == 200
    assert second["Idempotent-Replayed"] == "true"
    assert second.json() == first.json()
    assert Order.objects.count() == 1


def test_another_body_under_the_same_id_is_409(api: Api) -> None:
    api.post("orders", body())
    answer = api.post("orders", body(order_qty="101"))
    assert (answer.status_code, answer.json()["code"]) == (409, "CL_ORD_ID_REUSED")
    assert Order.objects.get().order_qty == 100


def test_two_clients_may_use_the_same_id(api: Api, token: Callable[..., str]) -> None:
    assert api.post("orders", body()).status_code == 201
    assert Api(token("other")).post("orders", body()).status_code == 201


def test_a_refused_order_is_recorded_and_answered_with_its_report(api: Api) -> None:
    answer = api.post("orders", body(order_qty="10001", price="1"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "QTY_ABOVE_LIMIT")
    assert problem["order"]["state"] == "REJECTED"
    assert problem["order"]["reason"]["code"] == "QTY_ABOVE_LIMIT"
    assert [check["check"] for check in problem["report"] if not check["passed"]] == ["max_order_qty"]
    assert str(Order.objects.get().id) in answer["Location"]


def test_a_refused_order_is_refused_again_with_the_same_order(api: Api) -> None:
    first = api.post("orders", body(order_qty="10001", price="1"))
    again = api.post("orders", body(order_qty="10001", price="1"))
    assert (again.status_code, again["Idempotent-Replayed"]) == (422, "true")
    assert again.json() == first.json()


def test_an_account_of_others_does_not_exist(api: Api) -> None:
    for account in (OTHER, "DU0000000"):
        answer = api.post("orders", body(account=account))
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {"field": "account", "code": "UNKNOWN", "message": "There is no such account."}
        ]
    assert not Order.objects.exists()


def test_rules_of_the_instrument_are_answered_by_field(api: Api) -> None:
    answer = api.post("orders", body(price="229.951"))
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["price"]
    assert not Order.objects.exists()


def keyed(api: Api, key: str, **changes: Any) -> Any:
    headers, text = {**api.headers, "Idempotency-Key": key}, json.dumps(body(**changes))
    return api.client.post("/api/v1/orders", text, content_type="application/json", headers=headers)


def test_a_key_names_one_order_whatever_its_body_says_later(api: Api) -> None:
    first, again = keyed(api, "k-1"), keyed(api, "k-1", order_qty="100.0")
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json()["id"], again["Idempotent-Replayed"]) == (first.json()["id"], "true")
    for changes in ({"cl_ord_id": "a-2"}, {"price": "1.00"}):
        refused = keyed(api, "k-1", **changes)
        assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Order.objects.count() == 1


def test_a_key_is_free_again_after_a_body_that_was_not_accepted(api: Api) -> None:
    assert keyed(api, "k-1", price="229.951").status_code == 400
    assert keyed(api, "k-1").status_code == 201


def test_an_order_that_a_check_refused_is_refused_again_under_its_key(api: Api) -> None:
    answers = [keyed(api, "k-1", order_qty="10001") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_key_that_is_none_is_named(api: Api, key: str) -> None:
    answer = keyed(api, key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
