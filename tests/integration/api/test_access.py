"""Tokens: what they open, what does not exist for them, how they die."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from brokers.models import AccountValue, Position
from orders.api import authentication
from orders.models import ApiToken, Order
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body, placed

MakeToken = Callable[..., str]


@pytest.mark.parametrize(
    "header", ["", "Token", "Token x", "Token x y", "Basic x", "Token \u00ff\u00fe", "Bearer x"]
)
def test_without_a_valid_token_nothing_is_revealed(desk: None, header: str) -> None:
    answer = Api("", Authorization=header).get("orders")
    assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert answer["WWW-Authenticate"].startswith("Token")


def test_each_scope_opens_its_methods_only(token: MakeToken) -> None:
    order = placed("a-1")
    reader, trader = Api(token(scopes=("read",))), Api(token(scopes=("trade",)))
    assert reader.get("orders").status_code == 200
    assert reader.post("orders", body("a-2")).status_code == 403
    assert reader.post(f"orders/{order.id}/cancel").status_code == 403
    assert trader.post("orders", body("a-2")).status_code == 201
    assert trader.get("orders").status_code == 403
    assert Api(token(scopes=("cancel",))).post(f"orders/{order.id}/cancel").status_code == 202


def test_a_missing_scope_is_named(token: MakeToken) -> None:
    problem = Api(token(scopes=())).get("orders").json()
    assert problem["code"] == "FORBIDDEN"
    assert "read" in problem["detail"]


def test_orders_of_other_accounts_do_not_exist(api: Api) -> None:
    hidden = placed("h-1", account=OTHER)
    for path in (f"orders/{hidden.id}", f"orders/{hidden.id}/events", "orders/by-cl-ord-id/h-1"):
        assert api.get(path).status_code == 404
    assert api.post(f"orders/{hidden.id}/cancel").status_code == 404
    for query in ({}, {"account": OTHER}, {"cl_ord_id": "h-1"}, {"open": "true"}):
        assert api.get("orders", **query).json()["results"] == []
    assert Order.objects.get().requests.count() == 0


def test_books_of_other_accounts_do_not_exist(api: Api) -> None:
    now = timezone.now()
    for account in (ACCOUNT, OTHER):
        Position.objects.create(
            account_id=account, con_id=1, symbol="AAPL", position_qty=5, avg_cost=200, reported_at=now
        )
        AccountValue.objects.create(account_id=account, key="NetLiquidation", value="1", reported_at=now)
    for path in ("positions", "account-values", "limits"):
        assert [row["account"] for row in api.get(path).json()["results"]] == [ACCOUNT]
        assert api.get(path, account=OTHER).json()["results"] == []
    assert api.get("sessions").json()["results"][0]["accounts"] == [ACCOUNT]


def test_a_token_without_accounts_sees_nothing(token: MakeToken) -> None:
    placed("a-1")
    api = Api(token(accounts=()))
    for path in ("orders", "executions", "positions", "account-values", "limits", "sessions"):
        assert api.get(path).json()["results"] == []
    assert api.post("orders", body()).status_code == 400


def test_a_clients_id_is_looked_up_among_its_own_orders(token: MakeToken) -> None:
    placed("a/1?b=%25", user="other")
    mine = placed("a/1?b=%25", user="algo")
    found = Api(token("algo")).get("orders/by-cl-ord-id/a/1%3Fb=%2525").json()
    assert found["id"] == str(mine.id)


def test_a_revoked_token_dies_within_five_seconds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(authentication.time, "monotonic", lambda: clock[0])
    assert api.get("orders").status_code == 200
    ApiToken.objects.all().delete()
    clock[0] += 5
    assert api.get("orders").status_code == 401


def test_an_expired_token_dies_at_once_even_if_remembered(
    api: Api, memories_last: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expiry = timezone.now() + timedelta(hours=1)
    ApiToken.objects.update(expiry=expiry)
    assert api.get("orders").status_code == 200
    monkeypatch.setattr(authentication.timezone, "now", lambda: expiry)
    assert api.get("orders").status_code == 401


def test_a_token_of_an_inactive_user_is_not_valid(api: Api) -> None:
    user = ApiToken.objects.get().user
    user.is_active = False
    user.save()
    assert api.get("orders").status_code == 401


def test_a_remembered_token_costs_no_query(
    api: Api, memories_last: None, django_assert_num_queries: Callable[..., object]
) -> None:
    api.get("positions")
    with django_assert_num_queries(1):
        assert api.get("positions").status_code == 200


def test_last_use_is_written_at_most_once_a_minute(api: Api) -> None:
    api.get("orders")
    first = ApiToken.objects.get().last_used_at
    authentication.cache.clear()
    api.get("orders")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    authentication.cache.clear()
    api.get("orders")
    assert ApiToken.objects.get().last_used_at > first


def test_only_a_digest_of_a_token_is_stored(token: MakeToken) -> None:
    text = token()
    row = ApiToken.objects.get()
    assert text not in (row.digest, row.token_key)
    assert len(row.digest) == 128
