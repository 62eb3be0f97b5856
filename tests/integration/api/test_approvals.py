"""/api/v1/limit-changes and /approvals: asked by one, decided by another, by token."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from brokers.models import BrokerAccount
from orders.api import authentication
from orders.controls.persons.tokens import make_token
from orders.models import AccountLimit, ApiToken, Approval, Scope
from tests.integration.api.conftest import ACCOUNT, OTHER, Api

ALL = tuple(Scope.values)


def api(
    user: str, person: str, scopes: tuple[str, ...] = ALL, accounts: tuple[str, ...] = (ACCOUNT, OTHER)
) -> Api:
    who, _ = User.objects.get_or_create(username=person, is_staff=True, is_superuser=True)
    rows = list(BrokerAccount.objects.filter(pk__in=accounts))
    return Api(make_token(user, accounts=rows, scopes=list(scopes), person=who))


def asked(**changes: Any) -> dict[str, Any]:
    wanted = {"scope": f"account:{ACCOUNT}", "field": "max_order_qty", "value": "20000", "reason": "big day"}
    return wanted | changes


@pytest.fixture
def maker(desk: None) -> Api:
    return api("algo", "alice")


@pytest.fixture
def approver(desk: None) -> Api:
    return api("checker", "bob")


def now() -> int:
    return int(AccountLimit.objects.get(account=ACCOUNT).max_order_qty)


def test_a_loosened_limit_waits_for_another_persons_token(maker: Api, approver: Api) -> None:
    made = maker.post("limit-changes", asked())
    approval = made.json()["approval"]
    assert (made.status_code, approval["state"], approval["own"], now()) == (201, "WAITING", True, 10_000)
    assert [row["id"] for row in approver.get("approvals", state="WAITING").json()["results"]] == [
        approval["id"]
    ]
    path = f"approvals/{approval['id']}/approve"
    own = api("algo-2", "alice")
    assert [one.post(path, {"reason": "ok"}).status_code for one in (maker, own)] == [403, 403]
    assert approver.post(path, {}).status_code == 400
    done = approver.post(path, {"reason": "checked"})
    assert (done.status_code, done.json()["state"], now()) == (200, "APPROVED", 20_000)
    assert approver.post(path, {"reason": "checked"}).json()["code"] == "APPROVAL_OVER"


def test_a_rejected_change_never_holds(maker: Api, approver: Api) -> None:
    approval = maker.post("limit-changes", asked()).json()["approval"]["id"]
    assert approver.post(f"approvals/{approval}/reject", {"reason": "no"}).json()["state"] == "REJECTED"
    assert approver.post(f"approvals/{approval}/approve", {"reason": "yes"}).status_code == 409
    assert now() == 10_000


def test_a_tightened_limit_holds_at_once(maker: Api) -> None:
    made = maker.post("limit-changes", asked(value=5)).json()
    assert (made["old"], made["new"], made["approval"], now()) == ("10000", "5", None, 5)
    assert maker.post("limit-changes", asked(value="5")).json()["reason"] == "It is so already."


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scope": "account:DU0"}, "scope"),
        ({"scope": "desk"}, "scope"),
        ({"field": "wish"}, "field"),
        ({"value": "many"}, "value"),
        ({"value": {"a": 1}}, "value"),
        ({"value": None}, "value"),
        ({"reason": ""}, "reason"),
        ({"reason": ...}, "reason"),
    ],
)
def test_a_change_that_makes_no_sense_names_its_field(maker: Api, change: dict[str, Any], field: str) -> None:
    wanted = {name: value for name, value in asked(**change).items() if value is not ...}
    answer = maker.post("limit-changes", wanted)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_another_accounts_approvals_are_not_there(maker: Api, desk: None) -> None:
    approval = maker.post("limit-changes", asked(scope=f"account:{OTHER}")).json()["approval"]["id"]
    stranger = api("checker", "bob", accounts=(ACCOUNT,))
    assert stranger.get("approvals").json()["results"] == []
    assert stranger.post(f"approvals/{approval}/approve", {"reason": "x"}).status_code == 404
    assert stranger.post("limit-changes", asked(scope="firm", value="1")).status_code == 403


@pytest.mark.parametrize("scope", [scope for scope in ALL if scope != "risk"])
def test_limits_are_changed_with_the_scope_risk_alone(desk: None, scope: str) -> None:
    assert api("x", "xenia", (scope,)).post("limit-changes", asked(value=1)).status_code == 403


def test_a_token_that_trades_opens_nothing_before_it_is_approved(maker: Api, approver: Api) -> None:
    made = maker.post("tokens", {"username": "new", "scopes": ["read", "trade"], "accounts": [ACCOUNT]})
    text, approval = made.json()["token"], made.json()["approval"]
    assert (made.status_code, made.json()["waiting"]) == (201, True)
    assert Api(text).get("orders").status_code == 401
    assert maker.post(f"approvals/{approval}/approve", {"reason": "x"}).status_code == 403
    assert approver.post(f"approvals/{approval}/approve", {"reason": "x"}).status_code == 200
    authentication.cache.clear()
    assert Api(text).get("orders").status_code == 200
    assert Api(text).post(f"approvals/{approval}/approve", {"reason": "x"}).status_code == 403
    assert ApiToken.objects.get(token_key=text[:15]).person == User.objects.get(username="alice")


def test_a_rejected_token_never_works(maker: Api, approver: Api) -> None:
    made = maker.post("tokens", {"username": "new", "scopes": ["trade"], "accounts": [ACCOUNT]}).json()
    approver.post(f"approvals/{made['approval']}/reject", {"reason": "no"})
    assert ApiToken.objects.get(token_key=made["id"]).revoked_at
    assert Api(made["token"]).get("orders").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        {"username": "desk", "scopes": ["read"], "accounts": [ACCOUNT]},
        {"username": "foreign", "scopes": ["read"], "accounts": [ACCOUNT]},
    ],
)
def test_nobody_makes_a_token_in_the_name_of_a_person_or_of_others(
    desk: None, wanted: dict[str, Any]
) -> None:
    make_token("foreign", accounts=list(BrokerAccount.objects.all()), scopes=["trade"])
    small = api("ops", "olga", accounts=(ACCOUNT,))
    assert small.post("tokens", wanted).status_code in (400, 403)
    assert not ApiToken.objects.filter(made_by="client:ops").exists()


def test_the_shell_makes_a_waiting_token_unless_the_second_person_is_there(
    desk: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    (settings.DATA_DIR / "approver_password").unlink()
    call_command("apitoken", "algo", "--accounts", ACCOUNT)
    told = capsys.readouterr()
    assert "second" not in told.out
    assert "approves it at the desk" in told.err
    assert Api(told.out.splitlines()[-1]).get("orders").status_code == 401
    second = User.objects.create_user("second", password="fine-words", is_staff=True)
    second.groups.add(Group.objects.get(name="supervisor"))
    first = User.objects.get(username="desk")
    first.set_password("desk-words")
    first.save()
    monkeypatch.setenv("TRADEDESK_DESK_PASSWORD", "desk-words")
    monkeypatch.setenv("TRADEDESK_APPROVER_PASSWORD", "wrong")
    with pytest.raises(CommandError, match="not the password"):
        call_command("apitoken", "algo", "--accounts", ACCOUNT, "--approved-by", "second")
    monkeypatch.setenv("TRADEDESK_APPROVER_PASSWORD", "fine-words")
    call_command("apitoken", "algo", "--accounts", ACCOUNT, "--approved-by", "second")
    assert Api(capsys.readouterr().out.splitlines()[-1]).get("orders").status_code == 200
    assert Approval.objects.filter(state="APPROVED").count() == 1


def test_who_holds_both_first_passwords_is_both_persons_at_the_shell(
    desk: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("apitoken", "algo", "--accounts", ACCOUNT)
    told = capsys.readouterr()
    assert "Approved by approver." in told.err
    assert Api(told.out.splitlines()[-1]).get("orders").status_code == 200
    approver = User.objects.get(username="approver")
    approver.set_password("words of my own")
    approver.save()
    call_command("apitoken", "other", "--accounts", ACCOUNT)
    assert "approves it at the desk" in capsys.readouterr().err


def test_a_fresh_desk_has_a_maker_and_an_approver_by_two_commands(
    desk: None, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = []
    for user, scopes in (("alice", "read,risk"), ("bob", "read,approve")):
        call_command("apitoken", user, "--scopes", scopes)
        tokens.append(Api(capsys.readouterr().out.splitlines()[-1]))
    maker, approver = tokens
    approval = maker.post("limit-changes", asked()).json()["approval"]["id"]
    assert maker.post(f"approvals/{approval}/approve", {"reason": "x"}).status_code == 403
    assert approver.post(f"approvals/{approval}/approve", {"reason": "x"}).status_code == 200
    assert now() == 20_000


def test_one_person_at_the_shell_is_not_two(
    desk: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    (settings.DATA_DIR / "desk_password").unlink()
    desk_user = User.objects.get(username="desk")
    desk_user.set_password("fine-words")
    desk_user.save()
    with pytest.raises(CommandError, match="password of desk is needed"):
        call_command("apitoken", "algo", "--approved-by", "desk")
    for variable in ("DESK", "APPROVER"):
        monkeypatch.setenv(f"TRADEDESK_{variable}_PASSWORD", "fine-words")
    with pytest.raises(CommandError, match="second person"):
        call_command("apitoken", "algo", "--approved-by", "desk")
    assert not ApiToken.objects.exists()
