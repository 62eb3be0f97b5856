"""HTTP itself, as a client that nobody has met asks for it (RFC 9110)."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from orders.models import Order
from tests.integration.api.conftest import Api, body, placed
from tradedesk.http.names import request_id
from tradedesk.logs import Formatter

NOWHERE = "01999999-9999-7999-8999-999999999999"
MANY_NINES = "9" * 5000
NAMED = "text/html, application/json; charset=utf-8"
LATIN = "application/json; charset=latin-1"
ODD = 'application/json; charset="UTF8"; version=1'


def with_headers(api: Api, **headers: str) -> dict[str, str]:
    return {**api.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("orders", "GET, HEAD, POST"),
        ("orders.csv", "GET, HEAD"),
        (f"orders/{NOWHERE}", "GET, HEAD"),
        (f"orders/{NOWHERE}/cancel", "POST"),
        ("orders/bulk", "POST"),
        (f"groups/{NOWHERE}/cancel", "POST"),
    ],
)
def test_a_method_not_allowed_is_405_and_lists_the_allowed(api: Api, path: str, methods: str) -> None:
    for method in ("put", "options", *(() if "POST" in methods else ("post",))):
        answer = getattr(api.client, method)(f"/api/v1/{path}", headers=api.headers)
        assert (answer.status_code, answer["Allow"]) == (405, methods)


@pytest.mark.parametrize(
    "accept", ["application/xml", "text/html, text/plain;q=0.5", "application/json;q=0", LATIN]
)
def test_what_can_not_be_represented_is_406_and_nothing_is_stored(api: Api, accept: str) -> None:
    headers = with_headers(api, Accept=accept)
    answers = [api.client.get("/api/v1/orders", headers=headers)]
    answers.append(
        api.client.post("/api/v1/orders", body(), content_type="application/json", headers=headers)
    )
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "text/html, */*;q=0.8", "application/json", NAMED, ODD]
)
def test_what_can_be_represented_is(api: Api, accept: str) -> None:
    for path in ("orders", "orders.csv"):
        answer = api.client.get(f"/api/v1/{path}", headers=with_headers(api, Accept=accept))
        assert answer.status_code == 200


def test_a_schema_that_can_not_be_represented_is_406(api: Api) -> None:
    answer = api.client.get("/api/v1/schema", headers={"Accept": "application/xml"})
    assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")


def test_an_unknown_parameter_is_refused_wherever_it_is_given(api: Api) -> None:
    order = placed("a-1")
    read = ("", "reasons", "sessions", "positions", f"orders/{order.id}", f"orders/{order.id}/requests")
    for path in (*read, "orders/by-cl-ord-id/a-1", "tokens/self"):
        assert api.get(path).status_code == 200
        answer = api.get(path, state="FILLED,CANCELED", verbose="1") if path else api.get(path, verbose="1")
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    for path in ("orders?dry_run=1", f"orders/{order.id}/cancel?force=1", "orders/cancel-all?symbol=MSFT"):
        answer = api.post(path, body("a-2") if path.startswith("orders?") else {})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    order.refresh_from_db()
    assert (order.state, Order.objects.count()) == ("CREATED", 1)


def test_a_field_is_refused_where_no_body_is_read(token: Any) -> None:
    api = Api(token(scopes=("trade", "cancel", "admin")))
    found = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    silent = [path for path in found if "requestBody" not in found[path].get("post", {"requestBody": 1})]
    assert len(silent) >= 9
    for path in silent:
        answer = api.post(re.sub(r"{\w+}", NOWHERE, path.removeprefix("/api/v1/")), {"alone": True})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "UNKNOWN_FIELD"), path


@pytest.mark.parametrize(
    "path",
    ["orders/", "ORDERS", "/orders", "instruments/" + "9" * 30, f"instruments/{MANY_NINES}", "tokens/%00"],
)
def test_a_path_that_is_nothing_is_404(token: Any, path: str) -> None:
    answer = Api(token(scopes=("read", "admin"))).get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.get("Allow") != ""


@pytest.mark.parametrize("charset", ["latin-1", "ascii"])
def test_json_in_another_charset_is_415(api: Api, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    answer = api.post("orders", json.dumps(body()).encode(), content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert api.post("orders", body(), content_type="application/json; charset=UTF-8").status_code == 201


def test_the_noise_of_a_float_is_refused_not_rounded(api: Api) -> None:
    text = json.dumps(body()).replace('"229.95"', repr(0.1 + 0.2))
    answer = api.post("orders", text)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "price")
    assert api.post("orders", json.dumps(body()).replace('"229.95"', "229.9500")).json()["price"] == "229.95"


def test_nothing_that_changes_or_fails_is_kept_by_a_cache(api: Api) -> None:
    order = placed("a-1")
    kept = {path: api.get(path)["Cache-Control"] for path in ("orders", f"orders/{order.id}", "reasons")}
    assert set(kept.values()) == {"private, no-cache"}
    for answer in (
        api.get("orders.csv"), api.get(f"orders/{NOWHERE}"), api.post("orders", body("a-2")),
        api.post("orders", {}), Api().get("orders"), api.post(f"orders/{order.id}/cancel"),
    ):  # fmt: skip
        assert answer["Cache-Control"] == "no-store"


def test_any_version_that_is_known_is_304(api: Api) -> None:
    path = f"/api/v1/orders/{placed('a-1').id}"
    answer = api.client.get(path, headers=with_headers(api, If_None_Match="*"))
    assert (answer.status_code, answer.content, answer.get("Content-Type")) == (304, b"", None)


def test_the_name_of_a_request_comes_back(api: Api) -> None:
    for path in ("/api/v1/orders", "/api/v1/nothing", "/healthz"):
        answer = api.client.get(path, headers=with_headers(api, X_Request_ID="algo-7/1"))
        assert answer["X-Request-ID"] == "algo-7/1"
    strange = [api.get("orders"), api.client.get("/healthz", headers={"X-Request-ID": "a b" * 100})]
    assert [len(answer["X-Request-ID"]) for answer in strange] == [36, 36]


def test_log_lines_carry_the_name_of_their_request() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "hello", None, None)
    token = request_id.set("algo-7/1")
    try:
        assert json.loads(Formatter().format(record))["request_id"] == "algo-7/1"
    finally:
        request_id.reset(token)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "nonsense"])
def test_a_compressed_body_is_415_and_not_read(api: Api, coding: str) -> None:
    headers = {**api.headers, "Content-Encoding": coding}
    answer = api.client.post("/api/v1/orders", body(), content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("path", ["docs", "schema", "orders"])
def test_options_is_answered_on_every_page(api: Api, path: str) -> None:
    answer = api.client.options(f"/api/v1/{path}", headers=api.headers)
    assert answer.status_code in (200, 405), answer.content
