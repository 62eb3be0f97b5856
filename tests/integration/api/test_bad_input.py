"""Bad input is answered with a problem that names it, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orders.models import Order
from tests.integration.api.conftest import ACCOUNT, Api, body

HOSTILE = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "é",
    "x" * 65,
    "a b",
    "\u202e",
    "\n",
    [],
    {},
    1,
    True,
    ["x"],
    None,
]


def refused(answer: Any, *fields: str) -> bool:
    """A 400 problem that names just these fields; nothing was stored."""
    problem = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (400, 400, "INVALID")
    assert not Order.objects.exists()
    return {error["field"] for error in problem["errors"]} == set(fields)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_cl_ord_id_is_printable_ascii(api: Api, value: Any) -> None:
    assert refused(api.post("orders", body(cl_ord_id=value)), "cl_ord_id")


@pytest.mark.parametrize("field", ["account", "side", "ord_type"])
@pytest.mark.parametrize("value", [*HOSTILE[:5], 7, [], {"a": 1}, None, "NOPE"])
def test_words_and_codes_are_checked(api: Api, field: str, value: Any) -> None:
    assert refused(api.post("orders", body(**{field: value})), field)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e3", "1e400", "0x10", "1_000", "١", ".5", "5."]
)
@pytest.mark.parametrize("field", ["order_qty", "price"])
def test_numbers_are_plain_decimals(api: Api, field: str, value: str) -> None:
    assert refused(api.post("orders", body(**{field: value})), field)


@pytest.mark.parametrize(
    "value", [True, [], {}, "", " 1", "1 ", "+1", "-0", "-0.0", "1.00000000001", "1" * 19]
)
def test_quantities_that_are_no_quantity(api: Api, value: Any) -> None:
    assert refused(api.post("orders", body(order_qty=value)), "order_qty")


@pytest.mark.parametrize("raw", ["1e3", "1e400", "1" * 5000, "0." + "1" * 5000, "-0"])
def test_json_numbers_obey_the_same_rule(api: Api, raw: str) -> None:
    text = json.dumps(body(order_qty="N")).replace('"N"', raw)
    assert refused(api.post("orders", text), "order_qty")


@pytest.mark.parametrize("value", ["0", "-1", "0.5", "999999999999999999.9999999999"])
def test_quantities_that_break_the_instruments_rules(api: Api, value: str) -> None:
    assert refused(api.post("orders", body(order_qty=value)), "order_qty")


@pytest.mark.parametrize("value", ["0", "-1", "-229.95", "229.951"])
def test_prices_that_break_the_instruments_rules(api: Api, value: str) -> None:
    assert refused(api.post("orders", body(price=value)), "price")


def test_a_market_order_takes_no_price(api: Api) -> None:
    assert refused(api.post("orders", body(ord_type="MARKET")), "price")


def test_a_limit_order_needs_its_price(api: Api) -> None:
    assert refused(api.post("orders", body(price=...)), "price")
    assert refused(api.post("orders", body(price=None)), "price")


def test_a_stop_order_needs_its_trigger(api: Api) -> None:
    assert refused(api.post("orders", body(ord_type="STOP_LIMIT")), "stop_px")


@pytest.mark.parametrize("value", ["0", "-1", "86401", "1e9", "999999999999999999", True])
def test_an_age_is_above_zero_and_at_most_a_day(api: Api, value: Any) -> None:
    assert refused(api.post("orders", body(max_age=value)), "max_age")


def test_an_unknown_field_is_named(api: Api) -> None:
    assert refused(api.post("orders", body(quantity="5")), "quantity")
    instrument = {"symbol": "AAPL", "strike": 5}
    assert refused(api.post("orders", body(instrument=instrument)), "instrument.strike")


def test_an_unknown_symbol_is_named(api: Api) -> None:
    assert refused(api.post("orders", body(instrument={"symbol": "NOPE"})), "instrument.symbol")
    assert refused(api.post("orders", body(instrument={"symbol": "\x00"})), "instrument.symbol")
    assert refused(api.post("orders", body(instrument="AAPL")), "instrument")
    assert refused(api.post("orders", body(instrument={})), "instrument.symbol")


def test_every_wrong_field_is_named_at_once(api: Api) -> None:
    answer = api.post("orders", {"account": ACCOUNT, "side": "UP", "order_qty": "x", "instrument": {}})
    assert refused(answer, "cl_ord_id", "side", "order_qty", "ord_type", "instrument.symbol")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1} x',
        b"\xff\xfe{\x00",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"side": "BUY", "side": "SELL"}',
        b'{"\\ud800": 1, "\\ud800": 2}',
        b'{"\\ud800": "\\udfff"}',
    ],
)
def test_broken_json_is_400(api: Api, raw: bytes) -> None:
    answer = api.post("orders", raw)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] in ("MALFORMED_REQUEST", "INVALID")
    assert not Order.objects.exists()


def test_a_field_given_twice_is_refused(api: Api) -> None:
    text = json.dumps(body())[:-1] + ', "side": "SELL"}'
    answer = api.post("orders", text)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_REQUEST")
    assert "'side'" in answer.json()["detail"]


def test_a_body_over_the_limit_is_413(api: Api) -> None:
    answer = api.post("orders", json.dumps(body()) + " " * 1_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "x", ""]
)
def test_another_content_type_is_415(api: Api, kind: str) -> None:
    answer = api.post("orders", json.dumps(body()), content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_another_method_is_405(api: Api, method: str) -> None:
    answer = getattr(api.client, method)("/api/v1/orders", headers=api.headers)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("path", ["nothing", "orders/", "orders/1", "orders/by-cl-ord-id/a%00b", "a/%00"])
def test_another_path_is_404(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "query",
    [
        *(
            "foo=1",
            "state=NOPE",
            "state=",
            "open=1",
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=1e2",
            "side=UP",
        ),
        *("cursor=1", "cursor=%00", "symbol=%00", "cl_ord_id=%00", "account=%00", "limit=1&limit=2"),
        *("ord_status=X", "limit=" + "9" * 30, "state=" + "x," * 2000),
    ],
)
def test_a_wrong_parameter_is_named(api: Api, query: str) -> None:
    answer = api.client.get(f"/api/v1/orders?{query}", headers=api.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_a_thousand_parameters_are_400(api: Api) -> None:
    query = "&".join(f"a{n}=1" for n in range(1001))
    assert api.client.get(f"/api/v1/orders?{query}", headers=api.headers).status_code == 400
