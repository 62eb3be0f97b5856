"""What a login that was left open does not do alone: release a kill, approve, make a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from orders.admin.people import step_up
from orders.controls.halts import kill as kills
from orders.controls.persons.people import at_desk
from orders.models import ApiToken, Approval, KillAction, KillSwitch
from tests.integration.api.conftest import ACCOUNT

TOKEN = {"username": "algo", "accounts": [ACCOUNT], "scopes": ["read"]}


@pytest.fixture
def open_login(person: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> Client:
    """A superuser whose login is older than what counts."""
    client = person(superuser=True)
    user = User.objects.get(username="jo-1")
    user.set_password("words-of-jo")
    user.save()
    client.force_login(user)  # a new password ends older logins
    monkeypatch.setattr(step_up, "LASTS", 0)
    return client


def make(client: Client, **more: str) -> Any:
    return client.post(reverse("admin:orders_apitoken_add"), {**TOKEN, **more})


def test_making_a_token_asks_the_password_again(open_login: Client) -> None:
    assert "Your password, once more" in make(open_login).content.decode()
    assert "not right" in make(open_login, again="wrong").content.decode()
    assert not ApiToken.objects.exists()
    make(open_login, again="words-of-jo")
    assert ApiToken.objects.count() == 1


def test_an_answer_counts_for_five_minutes(open_login: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make(open_login, again="words-of-jo")
    monkeypatch.setattr(step_up, "LASTS", 300)
    make(open_login)
    assert ApiToken.objects.count() == 2
    session = open_login.session
    session["desk_proven_at"] -= 301
    session.save()
    make(open_login)
    assert ApiToken.objects.count() == 2


def test_who_has_a_second_factor_gives_its_code_instead(open_login: Client) -> None:
    device = TOTPDevice.objects.create(user=User.objects.get(username="jo-1"), name="app")
    assert "code of your second factor" in make(open_login).content.decode()
    make(open_login, again="words-of-jo")
    assert not ApiToken.objects.exists()
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    make(open_login, again=f"{totp(device.bin_key):06}")
    assert ApiToken.objects.count() == 1


def test_releasing_a_kill_asks_again_and_needs_another_person(open_login: Client) -> None:
    maker = User.objects.create_superuser("maker")
    kill = kills.press("firm", KillAction.HALT, actor=at_desk(maker), reason="drill")
    url = reverse("desk:kill_release", args=[kill.pk])
    open_login.post(url, {"reason": "over"})
    assert KillSwitch.objects.get().released_at is None
    own = Client()
    own.force_login(maker)
    assert "Release" in own.get(reverse("desk:trading_states")).content.decode()
    own.post(url, {"reason": "over"})
    assert KillSwitch.objects.get().released_at is None
    open_login.post(url, {"reason": "over", "again": "words-of-jo"})
    assert KillSwitch.objects.get().released_by == "desk:jo-1"


def test_approving_asks_again_and_rejecting_does_not(
    open_login: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = Client()
    boss.force_login(User.objects.create_superuser("maker"))
    monkeypatch.setattr(step_up, "LASTS", 300)
    for _ in range(2):
        boss.post(reverse("admin:orders_apitoken_add"), {**TOKEN, "scopes": ["trade"]})
    monkeypatch.setattr(step_up, "LASTS", 0)
    first, second = (str(row.pk) for row in Approval.objects.all())
    for pk, how in ((first, "approve"), (second, "reject")):
        open_login.post(reverse("desk:approval_decide", args=[pk, how]), {"reason": "x"})
    assert [Approval.objects.get(pk=pk).state for pk in (first, second)] == ["WAITING", "REJECTED"]
    form = {"reason": "x", "again": "words-of-jo"}
    open_login.post(reverse("desk:approval_decide", args=[first, "approve"]), form)
    assert Approval.objects.get(pk=first).state == "APPROVED"
