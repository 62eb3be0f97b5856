"""POST /api/v1/orders/{id}/replace."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from orders.models import Order, OrderRequest, OutboxCommand, RequestKind, RequestState
from tests.integration.api.conftest import Api, placed
from tests.integration.api.test_read import sent


def replace(api: Api, order: Order, *, seen: str | None = None, **body: Any) -> HttpResponse:
    """Ask with the version that the database has, unless another was seen."""
    order.refresh_from_db()
    api.headers["If-Match"] = f'"{order.version}"' if seen is None else seen
    try:
        return api.post(f"orders/{order.id}/replace", {"cl_ord_id": "r-1", **body})
    finally:
        del api.headers["If-Match"]


def test_an_order_that_never_left_has_its_new_terms_at_once(api: Api) -> None:
    order = placed("a-1")
    answer = replace(api, order, order_qty="150", price="230.10")
    assert (answer.status_code, answer.json()["state"]) == (202, "ACCEPTED")
    shown = api.get(f"orders/{order.id}").json()
    assert api.get("orders/by-cl-ord-id/r-1").json() == shown == api.get("orders/by-cl-ord-id/a-1").json()
    assert (shown["order_qty"], shown["price"], shown["state"]) == ("150", "230.1", "CREATED")
    assert (shown["cl_ord_id"], shown["replaced_by"], shown["current_cl_ord_id"]) == ("a-1", "r-1", "r-1")


def test_a_replace_of_a_sent_order_is_its_own_request(api: Api) -> None:
    order = sent("a-1")
    request = replace(api, order, order_qty="150").json()
    assert (request["kind"], request["state"], request["orig_cl_ord_id"]) == ("REPLACE", "REQUESTED", "a-1")
    assert request["terms"] == {
        "order_qty": "150",
        "price": "229.95",
        "stop_px": None,
        "time_in_force": "DAY",
    }
    shown = api.get(f"orders/{order.id}").json()
    assert (shown["ord_status"], shown["order_qty"]) == ("PENDING_REPLACE", "100")


def test_a_version_that_moved_is_412_and_stores_nothing(api: Api) -> None:
    order = sent("a-1")
    answer = replace(api, order, seen='"1"', order_qty="150")
    assert (answer.status_code, answer.json()["code"]) == (412, "VERSION_MOVED")
    assert not OrderRequest.objects.exists()


def test_a_tag_that_is_no_version_of_ours_is_412(api: Api) -> None:
    order = sent("a-1")
    for seen in ('"33a64df5"', 'W/"x", "y"', '""', '"1", "2"'):
        answer = replace(api, order, seen=seen, order_qty="150")
        assert (answer.status_code, answer.json()["code"]) == (412, "VERSION_MOVED"), seen
    assert not OrderRequest.objects.exists()


def test_one_of_several_tags_may_be_the_version_seen(api: Api) -> None:
    order = sent("a-1")
    assert replace(api, order, seen=f'"x", "{order.version}"', order_qty="150").status_code == 202


def test_without_a_version_nothing_is_replaced(api: Api) -> None:
    order = sent("a-1")
    answer = api.post(f"orders/{order.id}/replace", {"cl_ord_id": "r-1", "order_qty": "150"})
    assert (answer.status_code, answer.json()["code"]) == (428, "PRECONDITION_REQUIRED")
    assert replace(api, order, seen="soon", order_qty="150").status_code == 400
    assert replace(api, order, seen="*", order_qty="150").status_code == 202


def test_the_same_replace_again_gives_the_first_whatever_the_version(api: Api) -> None:
    order = sent("a-1")
    first = replace(api, order, order_qty="150").json()
    again = replace(api, order, seen='"1"', order_qty="150.0")
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (202, first, "true")
    assert OutboxCommand.objects.filter(order=order, kind="REPLACE").count() == 1


def test_version_0_is_no_version_even_of_the_same_replace(api: Api) -> None:
    order = sent("a-1")
    assert replace(api, order, order_qty="150").status_code == 202
    assert [replace(api, order, seen=seen, order_qty="150").status_code for seen in ("0", '"0"')] == [
        400,
        400,
    ]


def test_an_id_that_names_something_else_is_409(api: Api) -> None:
    order, other = sent("a-1"), sent("a-2")
    assert replace(api, order, order_qty="150").status_code == 202
    for answer in (
        replace(api, order, order_qty="160"),
        replace(api, other, order_qty="150"),
        replace(api, order, cl_ord_id="a-2", order_qty="150"),
        api.post(f"orders/{other.id}/cancel", {"cl_ord_id": "r-1"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "CL_ORD_ID_REUSED")


def test_terms_above_a_limit_are_refused_and_leave_the_order(api: Api) -> None:
    order = sent("a-1")
    answer = replace(api, order, order_qty="20000")
    said = answer.json()
    assert (answer.status_code, said["code"]) == (422, "QTY_ABOVE_LIMIT")
    assert said["request"]["state"] == "REFUSED"
    assert any(not check["passed"] for check in said["report"])
    assert api.get(f"orders/{order.id}").json()["ord_status"] == "PENDING_NEW"


def test_terms_that_are_no_order_are_400_and_store_nothing(api: Api) -> None:
    order = sent("a-1")
    for body in ({"price": "229.951"}, {"order_qty": "0"}, {"stop_px": "1"}, {"order_qty": "100"}, {}):
        assert replace(api, order, **body).status_code == 400
    assert not OrderRequest.objects.exists()


def test_an_order_over_or_being_canceled_can_not_be_replaced(api: Api) -> None:
    order = sent("a-1")
    api.post(f"orders/{order.id}/cancel")
    answer = replace(api, order, order_qty="150")
    assert (answer.status_code, answer.json()["code"]) == (409, "CANCEL_PENDING")
    over = placed("a-2")
    api.post(f"orders/{over.id}/cancel")
    assert replace(api, over, order_qty="150").json()["code"] == "ORDER_OVER"


def test_a_second_replace_hangs_on_the_last_that_was_not_refused(api: Api) -> None:
    order = sent("a-1")
    replace(api, order, order_qty="150")
    second = replace(api, order, cl_ord_id="r-2", price="230").json()
    assert (second["orig_cl_ord_id"], second["terms"]["order_qty"]) == ("r-1", "150")
    open_ones = OrderRequest.objects.filter(kind=RequestKind.REPLACE)
    open_ones.update(state=RequestState.REFUSED, answered_at=timezone.now())
    third = replace(api, order, cl_ord_id="r-3", price="231").json()
    assert (third["orig_cl_ord_id"], third["terms"]["order_qty"]) == ("a-1", "100")
