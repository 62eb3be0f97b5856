"""The kill switch over HTTP: who may press, follow and release it, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from orders.models import KillSwitch, Order, ScopeState
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body

FIELDS = {
    *("status", "open_orders_here", "open_orders_at_broker", "positions"),
    *("snapshots", "started_at", "proven_at", "blocking"),
}
WANTED = {"scope": f"account:{ACCOUNT}", "action": "cancel", "reason": "runs away"}


@pytest.fixture
def risk(token: Callable[..., str]) -> Api:
    return Api(token("risk", accounts=(ACCOUNT, OTHER), scopes=("read", "risk")))


def test_a_kill_stops_the_scope_at_once_and_is_followed(risk: Api, api: Api) -> None:
    waiting = api.post("orders", body()).json()
    pressed = risk.post("kill", WANTED)
    assert pressed.status_code == 202
    shown = risk.get(pressed["Location"].removeprefix("/api/v1/")).json()
    assert set(shown) == FIELDS
    assert (shown["status"], shown["proven_at"], shown["snapshots"]) == ("WORKING", None, [])
    assert [row["id"] for row in shown["open_orders_here"]] == [waiting["id"]]
    assert any("link is DOWN" in text for text in shown["blocking"])
    assert api.post("orders", body("a-2")).json()["code"] == "TRADING_HALTED"


def test_only_the_scope_risk_presses_and_only_for_accounts_that_are_its_own(
    api: Api, token: Callable[..., str]
) -> None:
    assert api.post("kill", WANTED).status_code == 403
    narrow = Api(token("narrow", scopes=("read", "risk")))
    assert narrow.post("kill", {**WANTED, "scope": "firm"}).status_code == 400
    assert narrow.post("kill", {**WANTED, "scope": f"account:{OTHER}"}).status_code == 400
    assert not KillSwitch.objects.exists()


def test_a_strategy_is_canceled_and_not_flattened(risk: Api) -> None:
    refused = risk.post("kill", {**WANTED, "scope": "strategy:mm", "action": "flatten"})
    assert refused.status_code == 400
    assert "cancel, then close them" in refused.json()["errors"][0]["message"]
    assert risk.post("kill", {**WANTED, "scope": "strategy:mm"}).status_code == 202


def test_its_maker_does_not_release_it_but_a_second_one_does(risk: Api, token: Callable[..., str]) -> None:
    path = risk.post("kill", WANTED)["Location"].removeprefix("/api/v1/")
    refused = risk.post(f"{path}/release", {"reason": "fine again"})
    assert (refused.status_code, ScopeState.objects.get().state) == (403, "HALTED")
    states = risk.post("trading-states", {"scope": WANTED["scope"], "state": "ACTIVE", "reason": "around"})
    assert states.status_code == 400
    second = Api(token("second", accounts=(ACCOUNT, OTHER), scopes=("read", "risk")))
    assert second.post(f"{path}/release", {"reason": "fine again"}).status_code == 200
    assert ScopeState.objects.get().state == "ACTIVE"


def test_on_a_desk_of_one_person_its_maker_releases_it(risk: Api, settings: Any) -> None:
    path = risk.post("kill", WANTED)["Location"].removeprefix("/api/v1/")
    settings.FOUR_EYES = frozenset({"limits"})
    states = risk.post("trading-states", {"scope": WANTED["scope"], "state": "ACTIVE", "reason": "around"})
    assert "its release gives the state back" in states.content.decode()
    assert risk.post(f"{path}/release", {"reason": "fine again"}).status_code == 200
    assert ScopeState.objects.get().state == "ACTIVE"


def test_a_kill_of_other_accounts_does_not_exist(risk: Api, api: Api) -> None:
    path = risk.post("kill", {**WANTED, "scope": f"account:{OTHER}"})["Location"].removeprefix("/api/v1/")
    assert api.get(path).status_code == 404


def test_the_command_needs_a_person_and_says_what_blocks(
    desk: None, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_superuser("jo", password="words-of-jo")
    User.objects.create_user("al", password="words-of-jo", is_staff=True)
    press = ("kill", "--scope=firm", "--action=cancel", "--reason=drill", "--drill", "--wait=0")
    with pytest.raises(CommandError, match="password of jo is needed"):
        call_command(*press, "--by=jo")
    monkeypatch.setenv("TRADEDESK_PERSON_PASSWORD", "words-of-jo")
    for who, said in (("nobody", "not the password"), ("al", "orders.press_kill is missing")):
        with pytest.raises(CommandError, match=said):
            call_command(*press, f"--by={who}")
    with pytest.raises(CommandError, match="NOT PROVEN"):
        call_command(*press, "--by=jo")
    assert "blocking: session main: the link is DOWN" in capsys.readouterr().out
    assert not Order.objects.exists()
