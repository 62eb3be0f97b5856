"""What an order is placed for, and orders that never grow a position: kept, shown, found, fixed by tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from brokers.models import BrokerAccount
from orders.controls.persons.tokens import make_token, rotate_token
from orders.entry.replace import ticket_of
from orders.models import ApiToken, Order
from tests.integration.api.conftest import ACCOUNT, Api, body
from tests.integration.api.test_trading_states import hold, window

NAMED = {"strategy": "momentum 1", "reduce_only": True}
EXIT = {**NAMED, "side": "SELL"}


def group(*orders: dict[str, Any]) -> dict[str, Any]:
    named = [{**order, "cl_ord_id": f"g-{number}"} for number, order in enumerate(orders)]
    return {"list_id": "g", "kind": "OCA", "orders": named}


@pytest.fixture
def fixed(desk: None) -> Api:
    """A client whose token places orders of one strategy."""
    accounts = list(BrokerAccount.objects.filter(pk=ACCOUNT))
    return Api(make_token("algo", accounts=accounts, scopes=["read", "trade"], strategy="momentum 1"))


def test_an_order_keeps_and_shows_its_strategy_and_reduce_only(api: Api) -> None:
    hold(100)
    first = api.post("orders", body(**EXIT)).json()
    shown = api.get(f"orders/{first['id']}").json()
    assert {name: shown[name] for name in NAMED} == NAMED
    order = Order.objects.select_related("instrument").get(pk=first["id"])
    again = ticket_of(order, order.terms)
    assert (again.strategy, again.reduce_only) == ("momentum 1", True)


def test_an_order_of_no_strategy_says_so(api: Api) -> None:
    shown = api.post("orders", body()).json()
    assert (shown["strategy"], shown["reduce_only"]) == (None, False)


@pytest.mark.parametrize("changes", [{"strategy": "other"}, {"reduce_only": True}], ids=str)
def test_another_strategy_under_the_same_id_is_another_request(api: Api, changes: dict[str, Any]) -> None:
    api.post("orders", body(strategy="momentum 1"))
    assert api.post("orders", body(**{"strategy": "momentum 1", **changes})).status_code == 409


def test_requests_recorded_before_the_fields_existed_are_still_the_same(api: Api) -> None:
    api.post("orders", body())
    before = "55b918eb41bb5cbaaa360b8039b044481011e5447d9d4f63ec301c0eaf8683ce"  # of this body, until then
    assert Order.objects.get().request_hash == before


def test_orders_are_found_by_strategy_and_reduce_only(api: Api) -> None:
    api.post("orders", body("a-1", strategy="one"))
    api.post("orders", body("a-2", strategy="two", reduce_only=True))
    api.post("orders", body("a-3", reduce_only=True))

    def found(**query: str) -> list[str]:
        return [row["cl_ord_id"] for row in api.get("orders", **query).json()["results"]]

    assert found(strategy="one") == ["a-1"]
    assert found(strategy="two", symbol="AAPL", side="BUY") == ["a-2"]
    assert found(strategy="two", side="SELL") == []
    assert found(reduce_only="true") == ["a-3", "a-2"]
    assert found(strategy="one", reduce_only="true") == []
    since = timezone.now() - timedelta(hours=1)
    assert found(reduce_only="true", since=f"{since:%Y-%m-%dT%H:%M:%SZ}") == ["a-3", "a-2"]


def test_every_door_of_a_token_with_a_strategy_places_orders_of_it(fixed: Api) -> None:
    fixed.post("orders", body("alone"))
    fixed.post("orders/bulk", {"orders": [body("in-bulk")]})
    fixed.post("groups", group(body(), body()))
    sliced = fixed.post("slices", {**body("sliced"), **window()}).json()
    assert sliced["strategy"] == "momentum 1"
    assert {order.strategy for order in Order.objects.all()} == {"momentum 1"}
    assert Order.objects.count() == 4


@pytest.mark.parametrize("door", ["orders", "orders/bulk", "groups", "slices", "orders/preview"])
def test_a_token_with_a_strategy_places_no_order_of_another(fixed: Api, door: str) -> None:
    order = body(strategy="other")
    bodies = {
        "orders/bulk": {"orders": [order]},
        "groups": group(order, order),
        "slices": {**order, **window()},
    }
    answer = fixed.post(door, bodies.get(door, order)).json()
    problem = answer["results"][0]["problem"] if door == "orders/bulk" else answer
    assert problem["errors"][0]["code"] == "NOT_PERMITTED"
    assert not Order.objects.exists()


def test_a_rotated_token_keeps_its_strategy(fixed: Api) -> None:
    successor = rotate_token(ApiToken.objects.get().token_key, by="test")
    assert ApiToken.objects.get(token_key=successor[:15]).strategy == "momentum 1"


def test_a_token_gives_no_other_strategy_than_its_own(desk: None) -> None:
    accounts = list(BrokerAccount.objects.filter(pk=ACCOUNT))
    boss = Api(make_token("boss", accounts=accounts, scopes=["read", "admin"], strategy="momentum 1"))
    wanted = {"username": "algo", "scopes": ["read"], "accounts": [ACCOUNT]}
    refused = boss.post("tokens", {**wanted, "strategy": "other"}).json()
    assert refused["errors"][0]["field"] == "strategy"
    assert boss.post("tokens", wanted).json()["strategy"] == "momentum 1"


def test_the_command_makes_a_token_with_a_strategy(desk: None, capsys: Any) -> None:
    call_command("apitoken", "algo", "--strategy", "momentum 1")
    assert ApiToken.objects.get().strategy == "momentum 1"


def test_a_sliced_order_hands_strategy_and_reduce_only_to_its_slices(api: Api) -> None:
    hold(100)
    sliced = api.post("slices", {**body("p", **EXIT), **window(), "schedule": "TWAP"}).json()
    assert {name: sliced[name] for name in NAMED} == NAMED


def test_the_name_of_the_schedule_given_as_strategy_means_what_it_did(
    api: Api, token: Callable[..., str]
) -> None:
    asked = {**body("p"), **window()}
    assert api.post("slices", asked).status_code == 201
    again = api.post("slices", {**asked, "strategy": "TWAP"})
    assert (again.status_code, again.json()["strategy"]) == (200, None)
