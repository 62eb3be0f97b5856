"""Warnings of soft limits by the API: shown by the preview, refused by POST, overridden by whoever may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orders.models import AccountLimit, Order
from tests.integration.api.conftest import Api, body

LARGE = {"order_qty": "150"}


@pytest.fixture
def soft(desk: None) -> None:
    AccountLimit.objects.update(max_order_qty=100, soft=["max_order_qty"])


def warnings(report: list[dict[str, Any]]) -> list[str]:
    return [check["id"] for check in report if check["id"]]


@pytest.mark.usefixtures("soft")
def test_preview_and_refusal_name_the_same_warning(api: Api) -> None:
    shown = api.post("orders/preview", body(**LARGE)).json()
    refused = api.post("orders", body(**LARGE))
    assert (shown["passed"], refused.status_code) == (False, 422)
    assert len(warnings(shown["checks"])) == 1
    assert warnings(shown["checks"]) == warnings(refused.json()["report"])


@pytest.mark.usefixtures("soft")
def test_an_override_needs_the_scope_and_is_kept_with_the_order(api: Api, token: Callable[..., str]) -> None:
    ids = warnings(api.post("orders/preview", body(**LARGE)).json()["checks"])
    asked = body("a-2", **LARGE, override={"ids": ids, "reason": "agreed with the client"})
    denied = api.post("orders", asked)
    assert (denied.status_code, denied.json()["errors"][0]["field"]) == (400, "override")
    allowed = Api(token(scopes=("read", "trade", "risk")))
    assert allowed.post("orders", asked).status_code == 201
    assert allowed.post("orders", asked).status_code == 200, "the same request again"
    (check,) = [check for check in Order.objects.get(cl_ord_id="a-2").check_report if not check["passed"]]
    assert check["overridden"] == "algo: agreed with the client"


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize(
    "override", [{"ids": [], "reason": "x"}, {"ids": ["zz"], "reason": "x"}, {"ids": ["0" * 12]}, "all"]
)
def test_an_override_without_ids_or_reason_is_invalid(token: Callable[..., str], override: Any) -> None:
    allowed = Api(token(scopes=("read", "trade", "risk")))
    refused = allowed.post("orders", body(**LARGE, override=override))
    assert refused.status_code == 400
    assert not Order.objects.exists()
