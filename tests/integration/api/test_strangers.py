"""What no client of ours would send: each is answered with a clear 4xx or an empty list, never with a 500."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from brokers.fix import OrdStatus, Side
from orders.models import Order, State
from tests.examples import more_in_soak
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body, placed
from tests.integration.api.test_read import executed

NOWHERE = "01999999-9999-7999-8999-999999999999"
TIMES = ("1970-01-01T00:00:00Z", "2026-11-27T00:00:00Z", "2099-12-31T23:59:59Z")
ORDER_FILTERS: dict[str, list[str]] = {
    "state": ["CREATED", "COMPLETED", "CANCELED,REJECTED"],
    "ord_status": list(OrdStatus),
    "account": [ACCOUNT, OTHER],
    "symbol": ["AAPL", "NOPE"],
    "side": list(Side),
    "open": ["true", "false"],
    "cl_ord_id": ["a-1", "nope"],
    "since": list(TIMES),
    "until": list(TIMES),
    "cursor": [NOWHERE, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "limit": ["1"],
}
EXECUTION_FILTERS: dict[str, list[str]] = {
    **{name: ORDER_FILTERS[name] for name in ("account", "symbol", "side", "since", "until")},
    "order_id": [NOWHERE],
    "cursor": ["0", "1", str(2**63 - 1)],
}


def pairs(filters: dict[str, list[str]]) -> list[dict[str, str]]:
    """Each value of each filter with each value of each other filter."""
    return [
        {one: first, other: second}
        for one, other in itertools.combinations(filters, 2)
        for first, second in itertools.product(filters[one], filters[other])
    ]


FILTERS = {"orders": ORDER_FILTERS, "executions": EXECUTION_FILTERS}


@pytest.mark.parametrize(
    ("path", "nth"), more_in_soak([(path, 7) for path in FILTERS], [(path, 1) for path in FILTERS])
)
def test_filters_that_contradict_each_other_give_a_list(api: Api, path: str, nth: int) -> None:
    executed(placed("a-1"), 1)
    wrong = [
        (query, answer.status_code)
        for query in pairs(FILTERS[path])[::nth]
        if (answer := api.get(path, **query)).status_code != 200
    ]
    assert wrong == []


@pytest.mark.soak
def test_three_filters_at_once_give_a_list(api: Api) -> None:
    placed("a-1")
    for state, status, symbol in itertools.product(State, OrdStatus, ["AAPL", "NOPE"]):
        query = {"state": state.value, "ord_status": status.value, "symbol": symbol, "side": "BUY"}
        assert api.get("orders", **query).status_code == 200, query


ODD_TIMES = [
    *("2026-06-30T23:59:60Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("2026-11-27T00:00:00", "2026-11-27", "now", "1764201600", "-1", "2026-02-30T00:00:00Z", ""),
    *("2026-11-27T24:00:00Z", "2026-11-27T00:00:00+25:00", "2026-11-27T00:00:00.1234567Z", "\x00", "\u0661"),
]


@pytest.mark.parametrize("path", ["orders", "executions", "orders.csv", "executions.csv"])
def test_a_time_of_an_odd_form_is_named(api: Api, path: str) -> None:
    for name, text in itertools.product(("since", "until"), ODD_TIMES):
        answer = api.get(path, **{name: text})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name), text


READ = (
    *("orders", "executions", "positions", "breaks", "slices", "webhooks", "instruments", "orders.csv"),
    *(f"orders/{NOWHERE}/events", f"webhooks/{NOWHERE}/deliveries", "orders/by-cl-ord-id/" + "x" * 3000),
)
ODD_QUERIES = [
    *(
        "cursor=" + text
        for text in ("x", "%00", "-1", "9" * 40, "1e3", "%ff", "null", "1&cursor=2", "%F0%9F%98%80")
    ),
    *("limit=" + text for text in ("", "0", "-1", "1.0", "NaN", "9" * 40, "%00")),
    *("state=%00", "account=%00", "symbol=%ff", "side=", "fields=", "fields=id,id", "fields=__class__"),
    *("x=1", "format=json", "_method=DELETE", "%00=1", "=", "&&&", "account=" + "x" * 5000, "a[]=1"),
]


@pytest.mark.parametrize("path", READ)
def test_an_odd_query_is_never_a_500(api: Api, path: str) -> None:
    for query in ODD_QUERIES:
        answer = api.client.get(f"/api/v1/{path}?{query}", headers=api.headers)
        assert answer.status_code < 500, (query, answer.content)
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json", query


POSTED = (
    *("orders", "orders/bulk", "orders/preview", "orders/cancel-all", "groups", "slices", "instruments"),
    *(
        "tokens",
        "webhooks",
        f"orders/{NOWHERE}/cancel",
        f"orders/{NOWHERE}/replace",
        f"slices/{NOWHERE}/pause",
    ),
)
BODIES: list[Any] = [
    *(
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"x"',
        b"1",
        b"true",
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"{}\x00",
    ),
    *(b"[" * 50_000, b'{"a":' * 50_000, b'{"a":1e999}', b'{"a":' + b"9" * 5_000 + b"}", b'{"a":-0}', b"NaN"),
    *(b'{"a":"\\ud800"}', b'{"\\u0000":1}', b'{"a":"\\u0000"}', b'{"a":1,"a":2}', b'{"a":Infinity}'),
    *(
        {name: value}
        for name in body()
        for value in (None, [], {}, 0, "", "\x00", "\ud800", True, "x" * 9_000)
    ),
    *({"orders": value} for value in (None, [], {}, [None], [[]], [{}], [{"orders": []}], ["x"])),
]


@pytest.mark.parametrize("path", POSTED)
def test_an_odd_body_is_never_a_500(api: Api, path: str) -> None:
    for sent in BODIES:
        merged = {**body("x-1", price="x"), **sent} if isinstance(sent, dict) and path == "orders" else sent
        raw = merged if isinstance(merged, bytes) else json.dumps(merged)
        answer = api.post(path, raw)
        assert answer.status_code < 500, (sent, answer.content)
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json", sent
    assert not Order.objects.exists()


def test_a_method_in_a_header_or_a_field_overrides_nothing(api: Api) -> None:
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        headers = {**api.headers, name: "DELETE"}
        assert api.client.get("/api/v1/orders", headers=headers).status_code == 200
    assert (
        api.client.get(f"/api/v1/orders?{urlencode({'_method': 'POST'})}", headers=api.headers).status_code
        == 400
    )


ODD_HEADERS = [
    {"Prefer": "wait=" + "9" * 50},
    {"Prefer": "wait=-1"},
    {"If-Match": "x" * 10_000},
    {"If-Match": '"99999999999"'},
    {"If-None-Match": ",,,\x80"},
    {"Accept": "x"},
    {"Accept": "*/*;q=nope"},
    {"Accept-Charset": "utf-16"},
    {"Idempotency-Key": "x" * 256},
    {"Authorization": "Token"},
    {"Authorization": "Token a b"},
    {"Authorization": "Token " + "x" * 10_000},
    {"Authorization": "Basic eA=="},
    {"X-Request-ID": "\x80" * 200},
    {"Content-Length": "0"},
    {"Content-Encoding": "gzip"},
]


@pytest.mark.parametrize("header", ODD_HEADERS, ids=str)
def test_an_odd_header_is_never_a_500(api: Api, header: dict[str, str]) -> None:
    headers = {**api.headers, **header}
    for path in ("orders", f"orders/{NOWHERE}/replace", f"orders/{NOWHERE}/cancel"):
        sent = json.dumps(body(price="x"))
        answers = [
            api.client.get(f"/api/v1/{path}", headers=headers),
            api.client.post(f"/api/v1/{path}", sent, content_type="application/json", headers=headers),
        ]
        assert all(answer.status_code < 500 for answer in answers), [answer.content for answer in answers]
