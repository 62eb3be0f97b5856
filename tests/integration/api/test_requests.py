"""Requests on orders as resources, and canceling by filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orders.models import Order, OrderRequest
from tests.integration.api.conftest import OTHER, Api, placed
from tests.integration.api.test_read import sent


def test_a_request_is_followed_where_its_location_says(api: Api) -> None:
    asked = api.post(f"orders/{sent('a').id}/cancel")
    assert asked["Location"] == f"/api/v1/requests/{asked.json()['id']}"
    followed = api.get(f"requests/{asked.json()['id']}")
    assert followed.json() == asked.json()
    assert followed.json()["state"] == "REQUESTED"


def test_the_requests_of_an_order_come_in_their_order(api: Api) -> None:
    order = placed("a")
    change = api.client.post(
        f"/api/v1/orders/{order.id}/replace",
        '{"cl_ord_id": "a-2", "order_qty": 50}',
        content_type="application/json",
        headers={**api.headers, "If-Match": api.get(f"orders/{order.id}")["ETag"]},
    )
    assert change.status_code == 202
    api.post(f"orders/{order.id}/cancel")
    kinds = [row["kind"] for row in api.get(f"orders/{order.id}/requests").json()["results"]]
    assert kinds == ["REPLACE", "CANCEL"]


def test_requests_on_orders_of_other_accounts_do_not_exist(token: Callable[..., str], api: Api) -> None:
    hidden = placed("h", account=OTHER)
    request = Api(token(accounts=(OTHER,))).post(f"orders/{hidden.id}/cancel").json()
    assert api.get(f"requests/{request['id']}").status_code == 404
    assert api.get(f"orders/{hidden.id}/requests").status_code == 404


def cancel_all(api: Api, **body: Any) -> dict[str, Any]:
    answer = api.post("orders/cancel-all", body)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_dry_run_names_the_orders_and_cancels_none(api: Api) -> None:
    placed("a")
    told = cancel_all(api, dry_run=True)
    assert [row["cl_ord_id"] for row in told["results"]] == ["a"]
    assert not OrderRequest.objects.exists()


def test_everything_open_that_fits_is_canceled_with_a_result_each(api: Api) -> None:
    sent("a")
    placed("b", symbol="MSFT")
    placed("hidden", account=OTHER)
    told = cancel_all(api, symbol="AAPL")
    assert [(row["cl_ord_id"], row["status"]) for row in told["results"]] == [("a", 202)]
    assert [row["cl_ord_id"] for row in cancel_all(api)["results"]] == ["b", "a"]
    assert Order.objects.get(cl_ord_id="hidden").state == "CREATED"
    assert cancel_all(api)["results"][0]["request"]["id"] == told["results"][0]["request"]["id"]


def test_an_order_of_somebody_else_is_named_and_left(api: Api) -> None:
    Order.objects.filter(pk=placed("a").pk).update(source="EXTERNAL", state="PENDING")
    (row,) = cancel_all(api)["results"]
    assert (row["status"], row["problem"]["code"]) == (409, "NOT_OURS")


def test_what_is_left_over_is_reported(api: Api) -> None:
    for number in range(3):
        placed(f"a-{number}")
    first = cancel_all(api, limit=2)
    assert (len(first["results"]), first["more"]) == (2, True)
    assert cancel_all(api, limit=2)["more"] is False


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"dry_run": "yes"}, {"side": "UP"}, {"everything": True}])
def test_a_wrong_filter_cancels_nothing(api: Api, wrong: dict[str, Any]) -> None:
    placed("a")
    assert api.post("orders/cancel-all", wrong).status_code == 400
    assert not OrderRequest.objects.exists()
