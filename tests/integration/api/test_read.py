"""Lists, pages, single orders, events, and how many queries they take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.formats import time_text
from brokers.models import Position
from orders.models import AccountLimit, Cause, Execution, Order, ScopeLimit
from orders.store.orders import store_orders
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body, is_utc_microseconds, placed


def ids(answer: Any) -> list[str]:
    return [row["cl_ord_id"] for row in answer.json()["results"]]


def executed(order: Order, number: int) -> Execution:
    return Execution.objects.create(
        order=order,
        account_id=order.account_id,
        exec_id=f"0001.{number:06}.01",
        exec_root=f"0001.{number:06}",
        side=order.side,
        last_qty=10,
        last_px="229.9",
        transact_time=timezone.now(),
        received_at=timezone.now(),
    )


def test_a_list_shows_the_newest_first(api: Api) -> None:
    for name in ("a", "b", "c"):
        placed(name)
    assert ids(api.get("orders")) == ["c", "b", "a"]


def test_pages_show_every_order_once(api: Api) -> None:
    for number in range(7):
        placed(f"a-{number}")
    answer, seen = api.get("orders", limit=3, side="BUY"), []
    while True:
        seen += ids(answer)
        if not (following := answer.json()["next"]):
            break
        answer = api.client.get(following, headers=api.headers)
    assert seen == [f"a-{number}" for number in reversed(range(7))]


def test_filters_narrow_the_list(token: Callable[..., str]) -> None:
    placed("a")
    placed("b", symbol="MSFT")
    placed("c", account=OTHER)
    api = Api(token(accounts=(ACCOUNT, OTHER)))
    api.post(f"orders/{Order.objects.get(cl_ord_id='b').id}/cancel")
    assert ids(api.get("orders", symbol="MSFT")) == ["b"]
    assert ids(api.get("orders", account=OTHER)) == ["c"]
    assert ids(api.get("orders", cl_ord_id="a")) == ["a"]
    assert ids(api.get("orders", side="SELL")) == []
    assert ids(api.get("orders", open="true")) == ["c", "a"]
    assert ids(api.get("orders", open="false")) == ["b"]
    assert ids(api.get("orders", state="CANCELED,FILLED")) == ["b"]
    assert ids(api.get("orders", ord_status="CANCELED")) == ["b"]
    assert ids(api.get("orders", ord_status="PENDING_NEW")) == ["c", "a"]


def sent(name: str) -> Order:
    order = placed(name)
    order.claim(Cause(actor="test", at=timezone.now()))
    order.claimed_at = timezone.now()
    store_orders([order])
    return Order.objects.get(pk=order.pk)


def test_ord_status_filter_and_ord_status_agree(api: Api) -> None:
    api.post(f"orders/{sent('a').id}/cancel")
    sent("b")
    shown = {row["cl_ord_id"]: row["ord_status"] for row in api.get("orders").json()["results"]}
    assert shown == {"a": "PENDING_CANCEL", "b": "PENDING_NEW"}
    for name, status in shown.items():
        assert ids(api.get("orders", ord_status=status)) == [name]


def test_an_order_is_found_by_both_ids(api: Api) -> None:
    order = placed("a-1")
    by_id, by_name = api.get(f"orders/{order.id}"), api.get("orders/by-cl-ord-id/a-1")
    assert by_id.json() == by_name.json()
    assert by_id.json()["id"] == str(order.id)


def test_events_tell_the_life_from_the_start(api: Api) -> None:
    order = sent("a-1")
    events = api.get(f"orders/{order.id}/events").json()["results"]
    assert [(event["version"], event["kind"], event["to_state"]) for event in events] == [
        (1, "RECORDED", "CREATED"),
        (2, "CLAIMED", "SENT"),
    ]
    assert events[0]["actor"] == "client:algo"
    assert is_utc_microseconds(events[0]["at"])


def test_events_come_in_pages(api: Api) -> None:
    order = sent("a-1")
    first = api.get(f"orders/{order.id}/events", limit=1).json()
    second = api.client.get(first["next"], headers=api.headers).json()
    assert [first["results"][0]["version"], second["results"][0]["version"]] == [1, 2]
    assert second["next"] is None


def test_executions_show_plain_numbers(api: Api) -> None:
    executed(placed("a-1"), 1)
    (row,) = api.get("executions").json()["results"]
    assert (row["last_qty"], row["last_px"], row["commission"]) == ("10", "229.9", None)
    assert (row["cl_ord_id"], row["instrument"]["symbol"]) == ("a-1", "AAPL")


def test_executions_come_by_their_own_time_on_every_page(api: Api) -> None:
    order, now = placed("a-1"), timezone.now()
    found = [executed(order, number) for number in range(4)]
    for late, minutes in zip(found, (1, 3, 2, 2), strict=True):  # heard of in another order than executed
        Execution.objects.filter(pk=late.pk).update(transact_time=now - timedelta(minutes=minutes))
    told, path = [], "/api/v1/executions?limit=1"
    while path:
        page = api.client.get(path, headers=api.headers).json()
        told += [row["exec_id"] for row in page["results"]]
        path = page["next"]
    assert told == [found[number].exec_id for number in (0, 3, 2, 1)]


def test_a_cursor_of_another_account_reveals_nothing(api: Api) -> None:
    executed(placed("a-1"), 1)
    hidden = executed(placed("h-1", account=OTHER), 2)
    assert api.get("executions", cursor=str(hidden.pk)).json()["results"] == []
    assert api.get("executions", cursor=str(hidden.pk + 10)).json()["results"] == []


@pytest.mark.parametrize("path", ["orders", "executions"])
def test_a_page_takes_the_same_queries_for_thirty_rows(api: Api, path: str, memories_last: None) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert api.get(path).status_code == 200
        return len(captured)

    executed(placed("a-0"), 0)
    api.get(path)
    one = queries()
    for number in range(1, 30):
        executed(placed(f"a-{number}", symbol=("AAPL", "MSFT")[number % 2]), number)
    assert len(api.get(path).json()["results"]) == 30
    assert queries() == one


def test_a_new_order_takes_four_queries(api: Api, memories_last: None) -> None:
    api.post("orders", body("warm-up"))
    with CaptureQueriesContext(connection) as captured:
        assert api.post("orders", body()).status_code == 201
    assert len(captured) <= 4, [query["sql"] for query in captured]


def test_the_root_names_the_stream(api: Api) -> None:
    links = Api().get("").json()
    assert links["stream"].endswith("/api/v1/stream")
    assert links["orders"] == "/api/v1/orders"


def test_positions_are_shown_as_the_broker_reports_them(api: Api) -> None:
    at = timezone.now()
    kept = {"account_id": ACCOUNT, "con_id": 1, "symbol": "AAPL", "sec_type": "STK", "currency": "USD"}
    Position.objects.create(**kept, position_qty="-5.5", avg_cost="199.1234", reported_at=at)
    assert api.get("positions", account=ACCOUNT).json() == {
        "results": [
            {
                **{"account": ACCOUNT, "symbol": "AAPL", "sec_type": "STK", "currency": "USD"},
                **{"position_qty": "-5.5", "avg_cost": "199.1234", "baseline_qty": "0"},
                "reported_at": time_text(at),
            }
        ],
        "next": None,
    }


def test_a_session_shows_its_link(api: Api) -> None:
    (session,) = api.get("sessions").json()["results"]
    assert (session["name"], session["link"], session["accounts"]) == ("main", "DOWN", [ACCOUNT])


def test_limits_are_shown_with_what_is_used_of_them(api: Api) -> None:
    AccountLimit.objects.filter(account=ACCOUNT).update(max_position_qty=500, max_open_orders=3)
    assert api.post("orders", body(order_qty="100")).status_code == 201
    (account,) = api.get("limits").json()["results"]
    now = {row["field"]: (row["scope"], row["used"], row["limit"]) for row in account["limits"]}
    assert now["max_position_qty"] == ("account", "100", "500")
    assert now["max_open_orders"] == ("account", "1", "3")
    assert now["max_orders_per_minute"] == ("account", "1", None)
    assert now["max_order_qty"] == ("order", None, "10000")


def test_limits_of_the_firm_and_of_strategies_are_shown_to_who_has_all_accounts(
    api: Api, token: Callable[..., str]
) -> None:
    for scope in ("firm", "strategy:momentum"):
        ScopeLimit.objects.create(scope=scope, max_open_orders=3)
    assert api.post("orders", body(strategy="momentum")).status_code == 201
    assert [row["scope"] for row in api.get("limits").json()["results"]] == [f"account:{ACCOUNT}"]
    rows = Api(token(accounts=(ACCOUNT, OTHER))).get("limits").json()["results"]
    used = {
        row["scope"]: now["used"]
        for row in rows
        for now in row["limits"]
        if now["field"] == "max_open_orders"
    }
    assert (used["firm"], used["strategy:momentum"], used[f"account:{ACCOUNT}"]) == ("1", "1", "1")
