"""Idempotency-Key on every POST: kept with its answer, or refused with words, never ignored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import get_resolver
from django.utils import timezone

from orders.api.base import ApiView
from orders.models import IdempotencyKey, Order, OrderRequest, SlicedOrder
from tests.integration.api.conftest import ACCOUNT, Api, body, placed

LATER = (timezone.now() + timedelta(hours=2)).isoformat()
GROUP = {"list_id": "g", "kind": "OCA", "orders": [body("g-1"), body("g-2", instrument={"symbol": "MSFT"})]}
SLICED = {**body("s-1"), "slices": 4, "end_time": LATER}


def keyed(api: Api, path: str, sent: Any, key: str = "k-1", **headers: str) -> Any:
    sent = {} if sent is None else sent
    more = {**api.headers, "Idempotency-Key": key, **headers}
    return api.client.post(f"/api/v1/{path}", json.dumps(sent), content_type="application/json", headers=more)


def requests(api: Api) -> dict[str, tuple[str, Any, Any]]:
    """By name: path, body, the same body with its defaults spelled out."""
    order = placed("o-1")
    group = api.post("groups", {**GROUP, "list_id": "other", "orders": [body("x-1"), body("x-2")]}).json()
    sliced = api.post("slices", {**SLICED, "cl_ord_id": "s-0"}).json()
    spelled = [
        {**one, "time_in_force": "DAY", "order_qty": 100.0, "stop_px": None} for one in GROUP["orders"]
    ]
    return {
        "group": ("groups", GROUP, {**GROUP, "oca_type": "CANCEL", "orders": spelled}),
        "slices": ("slices", SLICED, {**SLICED, "if_late": "SPREAD", "schedule": "TWAP", "price": "229.950"}),
        "cancel": (f"orders/{order.id}/cancel", {}, {"alone": False, "cl_ord_id": None}),
        "replace": (
            f"orders/{order.id}/replace",
            {"cl_ord_id": "r", "price": "200"},
            {"cl_ord_id": "r", "price": "200.0"},
        ),
        "cancel many": (
            "orders/cancel-all",
            {"symbol": "AAPL"},
            {"symbol": "AAPL", "limit": 500},
        ),
        "cancel group": (f"groups/{group['id']}/cancel", {}, {}),
        "pause": (f"slices/{sliced['id']}/pause", {}, {}),
        "cancel slices": (f"slices/{sliced['id']}/cancel", {}, {}),
    }


NAMES = ["group", "slices", "cancel", "replace", "cancel many", "cancel group", "pause", "cancel slices"]


@pytest.mark.parametrize("name", NAMES)
def test_a_request_under_a_key_is_done_once_and_answered_as_often_as_it_comes(api: Api, name: str) -> None:
    path, first, spelled = requests(api)[name]
    one = keyed(api, path, first, **{"If-Match": "*"})
    count = Order.objects.count(), SlicedOrder.objects.count(), OrderRequest.objects.count()
    placed("meanwhile")
    again = keyed(api, path, spelled, **{"If-Match": "*"})
    assert 200 <= one.status_code < 300, one.content
    assert (again.status_code, again.json()) == (one.status_code, one.json())
    assert again["Idempotent-Replayed"] == "true" and again.get("Location") == one.get("Location")
    count_now = Order.objects.count() - 1, SlicedOrder.objects.count(), OrderRequest.objects.count()
    assert count_now == count


@pytest.mark.parametrize("name", NAMES)
def test_a_key_used_for_another_request_is_422_and_does_nothing(api: Api, name: str) -> None:
    path, sent, _ = requests(api)[name]
    assert keyed(api, "orders", body("first")).status_code == 201
    refused = keyed(api, path, sent, **{"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_group_with_another_price_under_the_same_key_is_422(api: Api) -> None:
    assert keyed(api, "groups", GROUP).status_code == 201
    other = {**GROUP, "orders": [{**GROUP["orders"][0], "price": "1.00"}, GROUP["orders"][1]]}
    assert keyed(api, "groups", other).json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_key_is_free_again_when_nothing_was_done(api: Api) -> None:
    assert keyed(api, "groups", {**GROUP, "list_id": "a b"}).status_code == 400
    assert keyed(api, "groups", GROUP).status_code == 201


def test_a_first_request_that_is_not_answered_yet_is_409_for_a_minute(api: Api) -> None:
    keyed(api, "groups", GROUP)
    IdempotencyKey.objects.update(answer=[])  # as it is while the first is worked, or after a crash
    wait = keyed(api, "groups", GROUP)
    assert (wait.status_code, wait.json()["code"]) == (409, "IDEMPOTENCY_KEY_IN_USE")
    assert wait["Retry-After"]
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    again = keyed(api, "groups", GROUP)
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")


def test_a_bulk_is_the_same_however_its_numbers_are_written(api: Api) -> None:
    first = keyed(api, "orders/bulk", {"orders": [body("b-1")]})
    again = keyed(api, "orders/bulk", {"mode": "per_item", "orders": [body("b-1", order_qty=100.0)]})
    assert first.json()["results"][0]["order_id"] == again.json()["results"][0]["order_id"]
    assert again["Idempotent-Replayed"] == "true"


def test_what_makes_a_secret_takes_no_key_and_says_so(api: Api, token: Any) -> None:
    boss = Api(token("boss", scopes=("read", "admin", "trade")))
    for path in ("tokens", "tokens/self/rotate", "tokens/self/revoke", "webhooks"):
        answer = keyed(boss, path, {"username": "x", "scopes": ["read"], "accounts": [ACCOUNT]})
        assert answer.status_code == 400, path
        assert answer.json()["errors"][0]["code"] == "NOT_TAKEN"
    assert not User.objects.filter(username="x").exists()


def test_every_post_of_the_api_knows_what_it_does_with_a_key() -> None:
    """A new one refuses keys until its view says how it keeps them."""
    views = {
        pattern.callback.cls
        for pattern in get_resolver("orders.api.urls").url_patterns
        if hasattr(getattr(pattern, "callback", None), "cls") and issubclass(pattern.callback.cls, ApiView)
    }
    trading = {view.__name__ for view in views if getattr(getattr(view, "post", None), "takes_key", False)}
    assert trading >= {"OrderList", "OrderBulk", "Groups", "GroupCancel", "SlicedList", "SlicedCancel"}
    assert trading >= {"OrderCancel", "OrderReplace", "OrdersCancel", "SlicedPause", "SlicedResume"}
