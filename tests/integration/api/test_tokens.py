"""/api/v1/tokens: made, shown once, rotated with an overlap, revoked; throttled each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from orders.api import authentication, throttle
from orders.models import ApiToken
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body

MakeToken = Callable[..., str]
ALL = ("read", "trade", "cancel", "admin")


@pytest.fixture(autouse=True)
def fresh_counters() -> Iterator[None]:
    """What another test counted is forgotten."""
    throttle.counter.cache_clear()
    yield
    throttle.counter.cache_clear()


@pytest.fixture
def boss(token: MakeToken) -> Api:
    return Api(token("boss", scopes=ALL))


def wanted(**changes: Any) -> dict[str, Any]:
    return {"username": "algo", "scopes": ["read"], "accounts": [ACCOUNT], **changes}


def use(text: str) -> int:
    """Status of a request with this token, as a process that has not seen it before answers."""
    authentication.cache.clear()
    return Api(text).get("orders").status_code


def test_a_new_token_is_shown_once_and_works(boss: Api) -> None:
    made = boss.post("tokens", wanted(expires_in=3600, rate=7, scopes=["read", "read"]))
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    text = made.json()["token"]
    shown = boss.get(f"tokens/{made.json()['id']}").json()
    assert "token" not in shown
    assert (shown["owner"], shown["scopes"], shown["accounts"]) == ("algo", ["read"], [ACCOUNT])
    assert (shown["rate"], shown["made_by"]) == (7, "client:boss")
    assert use(text) == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accounts": [OTHER]}, "accounts.0"),
        ({"accounts": []}, "accounts"),
        ({"scopes": ["root"]}, "scopes.0"),
        ({"scopes": [None]}, "scopes.0"),
        ({"username": "a b"}, "username"),
        ({"expires_in": 0}, "expires_in"),
        ({"rate": True}, "rate"),
        ({"networks": ["::ffff:10.1.0.0/112"]}, "networks.0"),
    ],
)
def test_what_a_token_can_not_be_is_named(boss: Api, change: dict[str, Any], field: str) -> None:
    answer = boss.post("tokens", wanted(**change))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert ApiToken.objects.count() == 1


def test_nobody_gives_more_than_he_has(token: MakeToken) -> None:
    admin = Api(token("ops", scopes=("read", "admin")))
    answer = admin.post("tokens", wanted(scopes=["read", "trade"]))
    assert answer.json()["errors"][0]["code"] == "BEYOND"
    richer = ApiToken.objects.get(token_key=token(scopes=("trade",))[:15])
    assert admin.post(f"tokens/{richer.token_key}/rotate", {}).status_code == 403


def test_a_person_at_the_desk_owns_no_token_of_a_client(boss: Api) -> None:
    User.objects.create_user("jo", is_staff=True)
    assert boss.post("tokens", wanted(username="jo")).json()["errors"][0]["code"] == "NOT_A_CLIENT"


def test_tokens_of_other_accounts_do_not_exist(boss: Api, token: MakeToken) -> None:
    hidden = token("x", accounts=(ACCOUNT, OTHER))[:15]
    assert hidden not in {row["id"] for row in boss.get("tokens").json()["results"]}
    assert boss.get(f"tokens/{hidden}").status_code == 404
    for act in ("rotate", "revoke"):
        assert boss.post(f"tokens/{hidden}/{act}", {}).status_code == 404


def test_without_the_scope_admin_one_sees_oneself_only(token: MakeToken) -> None:
    other = token("x")[:15]
    text = token(scopes=("read",))
    assert Api(text).get("tokens/self").json()["id"] == text[:15]
    assert Api(text).get("tokens").status_code == 403
    assert Api(text).get(f"tokens/{other}").status_code == 403


def test_both_tokens_work_while_they_overlap(token: MakeToken) -> None:
    old = token()
    new = Api(old).post("tokens/self/rotate", {"overlap": 60}).json()
    assert use(old) == use(new["token"]) == 200
    assert Api(old).get("tokens/self").json()["successor"] == new["id"]
    ApiToken.objects.filter(token_key=old[:15]).update(expiry=timezone.now())
    assert (use(old), use(new["token"])) == (401, 200)


def test_a_rotated_token_keeps_rights_and_length_of_life(token: MakeToken) -> None:
    old = token()
    ApiToken.objects.update(expiry=timezone.now() + timedelta(days=10), rate=9)
    Api(old).post("tokens/self/rotate", {"overlap": 60})
    new = ApiToken.objects.exclude(token_key=old[:15]).get()
    assert (new.rate, new.scopes) == (9, ["cancel", "read", "trade"])
    assert round((new.expiry - new.created).total_seconds() / 86_400) == 10


def test_a_rotation_whose_answer_was_lost_is_done_again(token: MakeToken) -> None:
    old = token()
    lost = Api(old).post("tokens/self/rotate", {}).json()["token"]
    again = Api(old).post("tokens/self/rotate", {}).json()["token"]
    assert (use(lost), use(again)) == (401, 200)
    assert Api(old).post("tokens/self/rotate", {}).json()["code"] == "TOKEN_OVER"


def test_a_revoked_token_stays_on_record(boss: Api, token: MakeToken) -> None:
    text = token()
    first = boss.post(f"tokens/{text[:15]}/revoke").json()
    assert first["revoked_by"] == "client:boss"
    assert boss.post(f"tokens/{text[:15]}/revoke").json() == first
    assert use(text) == 401


def test_a_token_over_its_rate_learns_when_to_come_back(boss: Api, token: MakeToken) -> None:
    text = token()
    ApiToken.objects.filter(token_key=text[:15]).update(rate=2)
    answers = [Api(text).get("sessions") for _ in range(8)]  # at least two of three in one second
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0]["Retry-After"] in ("1", "2")
    assert refused[0].json()["code"] == "THROTTLED"
    assert boss.get("sessions").status_code == 200


def test_without_redis_nobody_is_refused_and_rates_still_hold(token: MakeToken, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    text = token()
    assert Api(text).get("sessions").status_code == 200
    ApiToken.objects.update(rate=1)
    authentication.cache.clear()
    assert 429 in {Api(text).get("sessions").status_code for _ in range(6)}


def test_repeated_bad_tokens_are_slowed_down_and_good_ones_are_not(boss: Api, settings: Any) -> None:
    settings.BAD_TOKEN_RATE = 3
    answers = [Api("f" * 64).get("orders") for _ in range(8)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1]["Retry-After"]) <= 61
    assert boss.get("orders").status_code == 200


def test_the_command_rotates_revokes_and_lists(token: MakeToken, capsys: pytest.CaptureFixture[str]) -> None:
    old = token()
    capsys.readouterr()
    call_command("apitoken", "--rotate", old[:15], "--overlap", "5")
    new = capsys.readouterr().out.strip()
    assert use(new) == 200
    call_command("apitoken", "--revoke", new[:15])
    assert use(new) == 401
    call_command("apitoken", "--list")
    listed = capsys.readouterr().out
    assert old[:15] in listed
    assert new[:15] not in listed.splitlines()[-1]
    with pytest.raises(CommandError, match="no such token"):
        call_command("apitoken", "--revoke", "nothing")


@pytest.mark.django_db
@pytest.mark.parametrize("username", ["", "x y", "\u00fc", "a" * 151])
def test_the_command_takes_the_names_of_clients_that_the_api_takes(username: str) -> None:
    with pytest.raises(CommandError, match="username: This must be 1 to 150 letters"):
        call_command("apitoken", username, "--scopes", "read")
    assert not ApiToken.objects.exists()


def test_a_throttled_order_is_not_recorded(token: MakeToken) -> None:
    text = token()
    ApiToken.objects.update(rate=1)
    answers = [Api(text).post("orders", body(f"a-{n}")).status_code for n in range(6)]
    placed = Api(token("algo2", scopes=("read",))).get("orders").json()["results"]
    assert len(placed) == answers.count(201) < 6


def test_a_token_opens_from_its_networks_only(boss: Api) -> None:
    text = boss.post("tokens", wanted(networks=["10.1.0.0/16", "2001:db8::/32"])).json()["token"]
    assert Api(text).get("orders").json()["detail"] == "The token may not be used from this address."
    inside = ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::9")
    for address, status in (*((one, 200) for one in inside), ("10.2.0.1", 403)):
        caller = Client(REMOTE_ADDR=address)
        answer = caller.get("/api/v1/orders", headers={"Authorization": f"Token {text}"})
        assert answer.status_code == status, address


def test_a_proxy_that_is_believed_tells_the_address_of_a_token(boss: Api, settings: Any) -> None:
    text = boss.post("tokens", wanted(networks=["10.1.0.0/16"])).json()["token"]
    told = {"Authorization": f"Token {text}", "X-Forwarded-For": "10.1.2.3"}
    assert Client().get("/api/v1/orders", headers=told).status_code == 403
    settings.TRUSTED_PROXY = "127.0.0.1"
    assert Client().get("/api/v1/orders", headers=told).status_code == 200


def test_a_token_gives_no_wider_network_than_its_own(boss: Api) -> None:
    assert boss.post("tokens", wanted(networks=["10.1.0.0/33"])).json()["errors"][0]["field"] == "networks.0"
    ApiToken.objects.update(networks=["127.0.0.0/8"])
    authentication.cache.clear()
    assert boss.post("tokens", wanted(networks=["0.0.0.0/0"])).json()["errors"][0]["code"] == "BEYOND"
    made = boss.post("tokens", wanted()).json()
    again = Api(made["token"]).post("tokens/self/rotate", {}).json()
    assert made["networks"] == again["networks"] == ["127.0.0.0/8"]


def test_a_token_ends_by_itself_when_nobody_says_when(boss: Api, settings: Any) -> None:
    settings.TOKEN_DAYS = 30
    boss.post("tokens", wanted(username="ends"))
    row = ApiToken.objects.get(user__username="ends")
    assert round((row.expiry - row.created).total_seconds() / 86_400) == 30
