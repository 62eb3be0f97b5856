"""An order that would be stale before its turn is refused at once, with the wait that was expected."""

from __future__ import annotations

from typing import Any

import pytest

from orders.models import Order, OutboxCommand, Priority
from tests.integration.api.conftest import Api, body

#: New orders go out at 9 a second: 10 messages, one of them kept for cancels.
PACE = 9


@pytest.fixture(autouse=True)
def pace(settings: Any) -> None:
    settings.PACING_PER_SECOND, settings.PACING_CANCEL_RESERVE = 10, 1


def market(cl_ord_id: str, **changes: Any) -> dict[str, Any]:
    return body(cl_ord_id, ord_type="MARKET", price=None, **changes)


def place(api: Api, count: int, **changes: Any) -> list[int]:
    name = f"{changes}"[-20:].replace(" ", "")
    return [api.post("orders", market(f"{name}{n}", **changes)).status_code for n in range(count)]


def test_who_would_wait_longer_than_fresh_is_refused_at_once(api: Api) -> None:
    assert place(api, PACE + 3, max_age=1) == [*[201] * (PACE + 1), 422, 422]
    refused = api.post("orders", market("late", max_age=1))
    assert refused.status_code == 422
    assert refused.json()["code"] == "BACKLOG_TOO_LONG"
    assert refused.json()["report"][-1]["value"] == "1.1 s (10 orders ahead at 9 a second)"
    assert Order.objects.get(cl_ord_id="late").state == "REJECTED"
    assert OutboxCommand.objects.count() == PACE + 1


def test_a_longer_freshness_or_the_policy_queue_waits(api: Api) -> None:
    place(api, PACE + 1, max_age=1)
    assert api.post("orders", market("patient", max_age=60)).status_code == 201
    assert api.post("orders", market("queues", max_age=1, if_backlog="queue")).status_code == 201


def test_limits_queue_unless_they_ask_to_be_refused(api: Api) -> None:
    place(api, PACE + 1, max_age=1)
    resting = {"price": "1.00", "max_age": 1}
    assert api.post("orders", body("queues", **resting)).status_code == 201
    assert api.post("orders", body("refused", **resting, if_backlog="reject")).status_code == 422


def test_resting_orders_are_not_ahead_of_a_market_order(api: Api) -> None:
    for number in range(PACE + 5):
        api.post("orders", body(f"rests-{number}", price="1.00"))
    assert api.post("orders", market("first", max_age=1)).status_code == 201
    ranks = OutboxCommand.objects.filter(order__cl_ord_id__in=["first", "rests-0"]).order_by("id")
    assert [row.priority for row in ranks] == [Priority.RESTING, Priority.MARKET]


def test_the_refused_order_is_the_same_when_asked_again(api: Api) -> None:
    place(api, PACE + 1, max_age=1)
    first, again = (api.post("orders", market("late", max_age=1)) for _ in range(2))
    assert (first.status_code, again.status_code) == (422, 422)
    assert Order.objects.filter(cl_ord_id="late").count() == 1


def test_an_order_placed_before_the_backlog_is_replayed(api: Api) -> None:
    api.post("orders", market("early", max_age=1))
    place(api, PACE + 1, max_age=1)
    again = api.post("orders", market("early", max_age=1))
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")


def test_orders_of_one_bulk_are_ahead_of_each_other(api: Api) -> None:
    orders = [market(f"b-{number}", max_age=1) for number in range(PACE + 4)]
    orders.append(market("patient", max_age=60))
    results = api.post("orders/bulk", {"orders": orders}).json()["results"]
    assert [one["status"] for one in results] == [*[201] * (PACE + 1), 422, 422, 422, 201]
    report = Order.objects.get(cl_ord_id="b-12").check_report
    assert report[-1]["value"].startswith("1.1 s (10 orders ahead")


def test_an_all_or_none_bulk_is_refused_whole(api: Api) -> None:
    orders = [market(f"b-{number}", max_age=1) for number in range(PACE + 2)]
    answer = api.post("orders/bulk", {"mode": "all_or_none", "orders": orders})
    assert answer.status_code == 422
    assert not OutboxCommand.objects.exists()


def test_a_bulk_with_an_idempotency_key_says_the_same_again(api: Api) -> None:
    orders = [market(f"b-{number}", max_age=1) for number in range(PACE + 2)]
    api.headers["Idempotency-Key"] = "k-1"
    first, again = (api.post("orders/bulk", {"orders": orders}) for _ in range(2))
    assert [one["status"] for one in first.json()["results"]] == [*[201] * (PACE + 1), 422]
    assert Order.objects.count() == PACE + 2
    assert again.status_code == first.status_code
