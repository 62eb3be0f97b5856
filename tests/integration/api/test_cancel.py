"""POST /api/v1/orders/{id}/cancel."""

from __future__ import annotations

from uuid import uuid4

from django.utils import timezone

from orders.models import Order, OrderRequest, OutboxCommand
from orders.models.requests import RequestKind
from tests.integration.api.conftest import Api, placed
from tests.integration.api.test_read import sent


def test_an_order_that_never_left_is_canceled_at_once(api: Api) -> None:
    order = placed("a-1")
    answer = api.post(f"orders/{order.id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "ACCEPTED")
    assert api.get(f"orders/{order.id}").json()["state"] == "CANCELED"


def test_a_cancel_of_a_sent_order_is_its_own_request(api: Api) -> None:
    order = sent("a-1")
    request = api.post(f"orders/{order.id}/cancel", {"cl_ord_id": "c-1"}).json()
    assert (request["kind"], request["state"], request["cl_ord_id"]) == ("CANCEL", "REQUESTED", "c-1")
    shown = api.get(f"orders/{order.id}").json()
    assert (shown["state"], shown["ord_status"], shown["requests"]) == ("SENT", "PENDING_CANCEL", [request])


def test_asking_again_gives_the_open_request(api: Api) -> None:
    order = sent("a-1")
    first = api.post(f"orders/{order.id}/cancel").json()
    assert api.post(f"orders/{order.id}/cancel", {"cl_ord_id": "c-2"}).json() == first
    assert OutboxCommand.objects.filter(order=order, kind="CANCEL").count() == 1


def test_a_cancels_id_used_again_gives_its_request_even_when_refused(api: Api) -> None:
    order = sent("a-1")
    first = api.post(f"orders/{order.id}/cancel", {"cl_ord_id": "c-1"}).json()
    OrderRequest.objects.update(state="REFUSED", answered_at=timezone.now(), reason_code="REQUEST_REFUSED")
    again = api.post(f"orders/{order.id}/cancel", {"cl_ord_id": "c-1"})
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, first["id"], "REFUSED")


def test_an_order_that_is_over_can_not_be_canceled(api: Api) -> None:
    order = placed("a-1")
    api.post(f"orders/{order.id}/cancel")
    answer = api.post(f"orders/{order.id}/cancel", {"cl_ord_id": "c-9"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ORDER_OVER")


def test_an_order_that_does_not_exist_is_404(api: Api) -> None:
    assert api.post(f"orders/{uuid4()}/cancel").status_code == 404


def test_a_cancels_body_may_be_absent_but_not_wrong(api: Api) -> None:
    order = sent("a-1")
    assert api.post(f"orders/{order.id}/cancel", {"reason": "x"}).status_code == 400
    assert api.post(f"orders/{order.id}/cancel", b"[]").status_code == 400
    assert api.post(f"orders/{order.id}/cancel", b"").status_code == 202
    assert OrderRequest.objects.get().kind == RequestKind.CANCEL


def test_what_the_broker_cancels_with_it_is_said_before_and_in_the_answer(api: Api) -> None:
    terms = {"account": "DU1234567", "instrument": {"symbol": "AAPL"}, "order_qty": "10"}
    orders = [
        {"cl_ord_id": "g-in", "side": "BUY", "ord_type": "LIMIT", "price": "200", **terms},
        {"cl_ord_id": "g-up", "side": "SELL", "ord_type": "LIMIT", "price": "300", **terms},
        {"cl_ord_id": "g-stop", "side": "SELL", "ord_type": "STOP", "stop_px": "150", **terms},
    ]
    group = api.post("groups", {"list_id": "g", "kind": "BRACKET", "orders": orders}).json()
    Order.objects.filter(group=group["id"]).update(state="ACCEPTED", broker_order_id=5)
    shown = {one["cl_ord_id"]: one for one in api.get(f"groups/{group['id']}").json()["orders"]}
    profit, stop = shown["g-up"]["id"], shown["g-stop"]["id"]
    assert (shown["g-in"]["cancels"], shown["g-stop"]["cancels"]) == ([profit, stop], [profit])
    refused = api.post(f"orders/{stop}/cancel", {"alone": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "CANCELS_OTHERS")
    assert not OrderRequest.objects.exists()
    assert api.post(f"orders/{stop}/cancel").json()["also_cancels"] == [profit]
