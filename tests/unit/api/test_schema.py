"""The OpenAPI description: complete, with examples that are what they are examples of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from orders.api.bodies import BULK_FIELDS, ORDER_FIELDS, read_fields
from orders.api.problems import PROBLEMS
from orders.api.schema.examples import EXIT, ONLY, ORDER
from orders.api.urls import urlpatterns
from orders.models import Scope

#: Codes that no operation has: other paths and methods, failures, one order inside a bulk.
ELSEWHERE = {"METHOD_NOT_ALLOWED", "BODY_TOO_SLOW", "INTERNAL_ERROR", "NOT_PLACED"}


@cache
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def operations() -> Iterator[dict[str, Any]]:
    for methods in schema()["paths"].values():
        yield from methods.values()


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(what, media type, content) of the request and of each answer."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media, content
    for status, response in operation["responses"].items():
        for media, content in response.get("content", {}).items():
            yield status, media, content


def wrong(value: Any, form: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator({**form, "components": schema()["components"]})
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def test_every_body_has_an_example_that_fits_its_schema() -> None:
    found: dict[str, list[str]] = {}
    seen = 0
    for operation in operations():
        for what, _, content in bodies(operation):
            named = f"{operation['operationId']} {what}"
            assert content.get("examples"), named
            for each in content["examples"].values():
                seen += 1
                if errors := wrong(each["value"], content["schema"]):
                    found[named] = errors
    assert found == {}
    assert seen > 400


def test_an_example_that_does_not_fit_is_found() -> None:
    (place,) = [each for each in operations() if each["operationId"] == "place_order"]
    form = place["responses"]["201"]["content"]["application/json"]["schema"]
    assert wrong({"id": 7}, form)


def test_every_code_is_an_example_of_some_operation() -> None:
    shown = {
        name
        for operation in operations()
        for _, media, content in bodies(operation)
        if media == "application/problem+json"
        for name in content["examples"]
    }
    assert shown == set(PROBLEMS) - ELSEWHERE


def test_codes_belong_to_operations_that_exist() -> None:
    known = {operation["operationId"] for operation in operations()}
    assert set().union(*ONLY.values()) <= known
    assert set(ONLY) <= set(PROBLEMS)


@pytest.mark.parametrize("status", ["400", "401", "403", "406", "429", "503"])
def test_every_operation_tells_the_errors_that_all_have(status: str) -> None:
    assert [each["operationId"] for each in operations() if status not in each["responses"]] == []


def test_orders_of_examples_are_orders() -> None:
    for order in (ORDER, EXIT):
        assert read_fields(order, ORDER_FIELDS)["cl_ord_id"] == order["cl_ord_id"]
    assert len(read_fields({"orders": [ORDER]}, BULK_FIELDS)["orders"]) == 1


def test_every_operation_that_trades_tells_of_a_missed_heartbeat() -> None:
    """A client whose dead man's switch has fired is answered 409 by each of them."""
    silent = {
        f"{method} {pattern.name}"
        for pattern in urlpatterns
        for method, scope in getattr(getattr(pattern.callback, "view_class", None), "scopes", {}).items()
        if scope == Scope.TRADE and "409" not in answers(pattern, method)
    }
    assert silent == set()


def answers(pattern: Any, method: str) -> dict[str, Any]:
    """The described answers of an operation; of one that is not described, all that could be wanted."""
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/api/v1/{pattern.pattern}")
    operation = schema()["paths"].get(path, {}).get(method.lower())
    return operation["responses"] if operation else {"409": None}


def test_what_may_be_sent_empty_is_described_so() -> None:
    for path in ("tca", "tca.csv", "reports/end-of-day", "reports/start-of-day"):
        wanted = schema()["paths"][f"/api/v1/{path}"]["get"]["parameters"]
        queried = [parameter for parameter in wanted if parameter["in"] == "query"]
        assert queried
        assert {parameter["name"] for parameter in queried if wrong("", parameter["schema"])} == set()
