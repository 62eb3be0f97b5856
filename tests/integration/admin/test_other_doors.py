"""A login of the desk at doors that are not its pages (the stream, Flower): as long as on the pages."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from orders.desk_sessions import SEEN, is_own_host, person_of_cookie

Person = Callable[..., Client]


def cookie(client: Client) -> str:
    """As a browser sends it."""
    return f"a=b; sessionid={client.session.session_key}"


def test_a_login_of_the_desk_is_a_person_at_the_other_doors(person: Person) -> None:
    client = person()
    assert str(person_of_cookie(cookie(client))) == "jo-1"
    for other in ("", "sessionid=", "sessionid=" + "x" * 32, "sessionid=\x00", "\x00=;", "sessionid"):
        assert person_of_cookie(other) is None, other


def test_an_idle_login_is_over_at_the_other_doors_too(person: Person, settings: object) -> None:
    client = person()
    session = client.session
    session[SEEN] = int(time.time()) - 61 * 60
    session.save()
    assert person_of_cookie(cookie(client)) is None


def test_without_the_second_factor_that_all_need_no_door_opens(person: Person, settings: object) -> None:
    client = person()
    settings.REQUIRE_SECOND_FACTOR = True  # type: ignore[attr-defined]
    assert person_of_cookie(cookie(client)) is None
    TOTPDevice.objects.create(user=User.objects.get(username="jo-1"), confirmed=True)
    assert person_of_cookie(cookie(client)) is not None


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_who_left_the_desk_has_left_all_doors(person: Person, change: dict[str, bool]) -> None:
    client = person()
    User.objects.filter(username="jo-1").update(**change)
    assert person_of_cookie(cookie(client)) is None


def test_only_names_of_ours_are_answered_to(settings: object) -> None:
    settings.ALLOWED_HOSTS = ["desk.example.com", "127.0.0.1"]  # type: ignore[attr-defined]
    assert is_own_host("desk.example.com")
    assert is_own_host("DESK.example.com:8443")
    for other in (
        "",
        "evil.example",
        "desk.example.com.evil.example",
        "desk.example.com@evil.example",
        "[::1",
    ):
        assert not is_own_host(other), other
