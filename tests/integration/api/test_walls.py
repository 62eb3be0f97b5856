"""Nothing outside a token's accounts is told: by no resource, tag, file, replay or error text."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from brokers.formats import time_text
from brokers.models import AccountValue, Position
from orders.api import authentication
from orders.models import ApiToken, Break, BreakKind, Order, OrderRequest
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body, placed
from tests.integration.api.test_bulk import bulk, statuses
from tests.integration.api.test_read import executed

MakeToken = Callable[..., str]
NOWHERE = "01999999-9999-7999-8999-999999999999"
UNKNOWN = "DU0000000"


@pytest.fixture
def rich(token: MakeToken) -> Api:
    """Another token of the same client, with both accounts."""
    return Api(token(accounts=(ACCOUNT, OTHER)))


def lose(account: str) -> None:
    """Take an account from every token, in the eyes of a process that reads them anew."""
    for row in ApiToken.objects.all():
        row.accounts.remove(account)
    authentication.cache.clear()


def legs(account: str) -> dict[str, Any]:
    orders = [body(f"{account}-{n}", account=account, price=f"{200 + n}") for n in range(2)]
    return {"list_id": f"group-{account}", "kind": "OCA", "oca_type": "CANCEL", "orders": orders}


def sliced(account: str) -> dict[str, Any]:
    end = time_text(timezone.now() + timedelta(minutes=30))
    return body(f"slices-{account}", account=account, slices=2, end_time=end)


def told(answer: HttpResponse) -> tuple[int, bytes]:
    return answer.status_code, answer.content


def paths(order: Order, request: str, group: str, slices: str) -> tuple[list[str], list[str]]:
    """Everything that is read, and everything that is asked, by the id of a thing."""
    read = [f"orders/{order.id}", f"orders/{order.id}/events", f"orders/{order.id}/requests"]
    read += [f"requests/{request}", f"groups/{group}", f"slices/{slices}"]
    asked = [f"orders/{order.id}/cancel", f"orders/{order.id}/replace", f"groups/{group}/cancel"]
    return read, [*asked, *(f"slices/{slices}/{act}" for act in ("pause", "resume", "cancel"))]


def test_a_thing_of_another_account_is_answered_as_unknown(api: Api, rich: Api) -> None:
    order = placed("h-1", account=OTHER)
    request = rich.post(f"orders/{order.id}/cancel").json()["id"]
    group = rich.post("groups", legs(OTHER)).json()["id"]
    slices = rich.post("slices", sliced(OTHER)).json()["id"]
    hidden = paths(order, request, group, slices)
    nothing = paths(Order(id=NOWHERE), NOWHERE, NOWHERE, NOWHERE)
    for path, like in zip(hidden[0], nothing[0], strict=True):
        assert rich.get(path).status_code == 200
        assert told(api.get(path)) == told(api.get(like)) == (404, api.get(like).content)
    before = OrderRequest.objects.count()
    for path, like in zip(hidden[1], nothing[1], strict=True):
        assert told(api.post(path)) == told(api.post(like)) == (404, api.post(like).content)
    assert OrderRequest.objects.count() == before


def test_no_list_has_rows_of_another_account(api: Api, rich: Api) -> None:
    executed(placed("h-1", account=OTHER), 1)
    rich.post("slices", sliced(OTHER))
    now = timezone.now()
    Position.objects.create(
        account_id=OTHER, con_id=1, symbol="AAPL", position_qty=5, avg_cost=200, reported_at=now
    )
    AccountValue.objects.create(account_id=OTHER, key="NetLiquidation", value="1", reported_at=now)
    seen = {"session_id": "main", "kind": BreakKind.POSITION, "first_seen": now, "last_seen": now}
    for account in (OTHER, None):
        Break.objects.create(**seen, key=str(account), account_id=account, text="differs")
    lists = ("orders", "executions", "positions", "account-values", "breaks", "slices")
    for path in lists:
        assert len(rich.get(path).json()["results"]) == 1
        assert api.get(path).json()["results"] == []
        assert told(api.get(path, account=OTHER)) == told(api.get(path, account=UNKNOWN))


def test_the_tag_of_an_order_of_another_account_is_worth_nothing(api: Api, rich: Api) -> None:
    order = placed("h-1", account=OTHER)
    for path in (f"orders/{order.id}", "orders/by-cl-ord-id/h-1", f"orders/{order.id}/events"):
        for tag in (rich.get(path)["ETag"], "*"):
            answer = api.client.get(f"/api/v1/{path}", headers={**api.headers, "If-None-Match": tag})
            assert answer.status_code == 404
            assert "ETag" not in answer
    asked = {**api.headers, "If-Match": rich.get(f"orders/{order.id}")["ETag"]}
    answer = api.client.post(
        f"/api/v1/orders/{order.id}/replace", body("r-1"), content_type="application/json", headers=asked
    )
    assert answer.status_code == 404


def test_no_file_has_rows_of_another_account(api: Api) -> None:
    executed(placed("h-1", account=OTHER), 1)
    for name in ("orders.csv", "executions.csv"):
        for query in ({}, {"account": OTHER}, {"account": UNKNOWN}, {"symbol": "AAPL"}):
            lines = b"".join(api.get(name, **query).streaming_content).decode().splitlines()
            assert len(lines) == 1
            assert lines[0].startswith("id,")


@pytest.mark.parametrize("mode", ["per_item", "all_or_none"])
def test_in_a_bulk_an_account_of_others_is_an_unknown_one(api: Api, mode: str) -> None:
    answers = [
        bulk(api, [body("a-1"), body("x", account=account)], mode).json()["results"][1]
        for account in (OTHER, UNKNOWN)
    ]
    assert answers[0] == answers[1]
    assert (answers[0]["status"], answers[0]["order_id"], answers[0]["order"]) == (400, None, None)
    assert not Order.objects.filter(cl_ord_id="x").exists()


@pytest.mark.parametrize("mode", ["per_item", "all_or_none"])
def test_a_repeated_bulk_reveals_nothing_of_a_lost_account(rich: Api, mode: str) -> None:
    orders = [body("a-1"), body("b-1", account=OTHER), body("b-2", account=OTHER)]
    first = bulk(rich, orders, mode, key="k-1").json()["results"]
    lose(OTHER)
    again = bulk(rich, orders, mode, key="k-1")
    assert (again.status_code, statuses(again)) == (200, [201, 400, 400])
    assert again.json()["results"][0] == first[0]
    assert first[1]["order_id"] not in again.content.decode()
    assert again.json()["results"][1]["problem"]["errors"][0]["code"] == "UNKNOWN"


def test_the_same_key_of_another_client_is_another_bulk(rich: Api, token: MakeToken) -> None:
    orders = [body("a-1"), body("b-1", account=OTHER)]
    first = bulk(rich, orders, key="k-1").json()["results"]
    answer = bulk(Api(token("other")), orders, key="k-1")
    assert "Idempotent-Replayed" not in answer
    assert statuses(answer) == [201, 400]
    assert not {each["order_id"] for each in first} & {each["order_id"] for each in answer.json()["results"]}


def test_a_repeated_order_reveals_nothing_of_a_lost_account(rich: Api) -> None:
    asked = {"orders": body("b-1", account=OTHER), "groups": legs(OTHER), "slices": sliced(OTHER)}
    for path, sent in asked.items():
        assert rich.post(path, sent).status_code == 201
    lose(OTHER)
    for path, sent in asked.items():
        swapped = json.loads(json.dumps(sent).replace(f'"account": "{OTHER}"', f'"account": "{UNKNOWN}"'))
        assert told(rich.post(path, sent)) == told(rich.post(path, swapped))
        assert rich.post(path, sent).json()["errors"][0]["code"] == "UNKNOWN"


def test_an_id_taken_in_another_account_reveals_only_that(api: Api, rich: Api) -> None:
    rich.post("orders", body("mine"))
    hidden = rich.post("orders", body("h-1", account=OTHER)).json()
    answers = [api.post("orders", body(name, order_qty="7")).json() for name in ("mine", "h-1")]
    assert [answer["code"] for answer in answers] == ["CL_ORD_ID_REUSED"] * 2
    assert answers[0]["detail"].replace("mine", "h-1") == answers[1]["detail"]
    for word in (OTHER, hidden["id"], hidden["order_ref"]):
        assert word not in json.dumps(answers)


def test_another_client_may_use_an_id_it_can_not_see(rich: Api, token: MakeToken) -> None:
    hidden = rich.post("orders", body("h-1", account=OTHER)).json()
    stranger = Api(token("other"))
    assert stranger.get("orders/by-cl-ord-id/h-1").status_code == 404
    mine = stranger.post("orders", body("h-1"))
    assert (mine.status_code, mine.json()["account"]) == (201, ACCOUNT)
    assert mine.json()["id"] != hidden["id"]


def test_cancel_all_reaches_no_order_of_another_account(api: Api) -> None:
    placed("h-1", account=OTHER)
    for dry_run in (True, False):
        for wanted in ({}, {"account": OTHER}, {"account": UNKNOWN}, {"symbol": "AAPL"}, {"side": "BUY"}):
            answer = api.post("orders/cancel-all", {**wanted, "dry_run": dry_run}).json()
            assert answer == {"dry_run": dry_run, "results": [], "more": False}
    assert Order.objects.get().state == "CREATED"
    assert not OrderRequest.objects.exists()


def test_every_error_is_the_same_for_foreign_and_unknown_accounts(api: Api, token: MakeToken) -> None:
    boss = Api(token("boss", scopes=("read", "trade", "admin")))
    hook = {"url": "https://192.0.2.1/", "kinds": []}

    def answers(account: str) -> list[tuple[int, bytes]]:
        order = {**body("x", account=account)}
        made = {"username": "algo", "scopes": ["read"], "accounts": [account]}
        return [
            told(api.post("orders", order)),
            told(api.post("orders/preview", order)),
            told(api.post("instruments", {"symbol": "AAPL", "account": account})),
            told(boss.post("tokens", made)),
            told(boss.post("webhooks", {**hook, "accounts": [account]})),
        ]

    assert answers(OTHER) == answers(UNKNOWN)
    assert {status for status, _ in answers(OTHER)} == {400}


def test_a_request_is_out_of_sight_when_its_account_is_lost(rich: Api) -> None:
    order = placed("h-1", account=OTHER)
    request = rich.post(f"orders/{order.id}/cancel").json()
    assert rich.get(f"requests/{request['id']}").status_code == 200
    lose(OTHER)
    for path in (f"requests/{request['id']}", f"orders/{order.id}/requests", f"orders/{order.id}"):
        assert rich.get(path).status_code == 404


def test_a_webhook_with_a_lost_account_is_out_of_sight(token: MakeToken, settings: Any) -> None:
    settings.WEBHOOK_PRIVATE = True
    boss = Api(token("boss", accounts=(ACCOUNT, OTHER), scopes=("read", "admin")))
    hook = boss.post("webhooks", {"url": "http://127.0.0.1:9/", "accounts": [ACCOUNT, OTHER]}).json()
    assert boss.get(f"webhooks/{hook['id']}").status_code == 200
    lose(OTHER)
    assert boss.get("webhooks").json()["results"] == []
    for path in ("", "/deliveries"):
        assert boss.get(f"webhooks/{hook['id']}{path}").status_code == 404


def test_a_token_without_accounts_asks_for_nothing(token: MakeToken) -> None:
    api = Api(token(accounts=(), scopes=("read", "trade", "cancel", "admin")))
    assert api.post("instruments", {"symbol": "AAPL"}).json()["errors"][0]["field"] == "account"
    assert api.post("orders/preview", body()).status_code == 400
    assert statuses(bulk(api, [body()])) == [400]
    assert api.post("orders/cancel-all", {}).json()["results"] == []
