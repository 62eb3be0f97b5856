"""Single sign-on: the provider says who it is, the desk decides what that is worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from orders.admin.people import step_up
from orders.models import AuditRecord
from orders.single_sign_on import discovered
from tests.stack.identity_provider import Provider, key_of, provider

BACKEND = "orders.single_sign_on.SingleSignOnBackend"


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def idp(server: Provider, settings: Any, desk: None) -> Provider:
    """A provider that is configured, as new; and Jo, made by a person."""
    server.__init__(server.issuer)  # type: ignore[misc]
    settings.OIDC_ISSUER = server.issuer
    settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET = "desk", "secret"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, BACKEND]
    discovered.cache_clear()
    jo = User.objects.create(username="jo", email="Jo@desk.example", is_staff=True)
    jo.set_unusable_password()
    jo.save()
    return server


def sign_on(client: Client, following: str = "") -> Any:
    """Out to the provider, and back with what it says."""
    out = client.get(reverse("desk:single_sign_on"), {"next": following} if following else {})
    return come_back(client, out["Location"])


def come_back(client: Client, location: str) -> Any:
    back = httpx.get(location, timeout=60).headers["Location"]
    parts = urlsplit(back)
    return client.get(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_person_of_the_desk_comes_in_by_the_provider(idp: Provider) -> None:
    client = Client()
    assert "Log in by single sign-on" in client.get(reverse("admin:login")).content.decode()
    answer = sign_on(client, "/admin/desk/audit/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/desk/audit/")
    assert client.session["_auth_user_id"] == str(User.objects.get(username="jo").pk)
    assert AuditRecord.objects.filter(kind="login", person="jo").count() == 1


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_single_sign_on_leads_to_our_own_pages_only(idp: Provider, following: str) -> None:
    assert sign_on(Client(), following)["Location"] == reverse("admin:index")


LIES: dict[str, Callable[[Provider], object]] = {
    "for another client": lambda idp: idp.token.update(aud="other"),
    "for several, given to another": lambda idp: idp.token.update(aud=["desk", "other"], azp="other"),
    "from another issuer": lambda idp: idp.token.update(iss="https://evil.example"),
    "expired": lambda idp: idp.token.update(exp=int(time.time()) - 60),
    "without an end": lambda idp: idp.token.update(exp=None),
    "for another login": lambda idp: idp.token.update(nonce="another"),
    "without a nonce": lambda idp: idp.token.update(nonce=None),
    "of somebody else than its user info": lambda idp: idp.info.update(sub="s-2"),
    "e-mail not verified": lambda idp: idp.person.update(email_verified=False),
    "e-mail verified in words": lambda idp: idp.person.update(email_verified="false"),
    "no e-mail": lambda idp: idp.person.pop("email"),
    "an empty e-mail": lambda idp: idp.person.update(email=""),
    "another type": lambda idp: idp.person.update(email=["jo@desk.example"]),
    "nobody of the desk": lambda idp: idp.person.update(email="eve@desk.example"),
    "claims rights": lambda idp: idp.person.update(email="eve@desk.example", is_staff=True, groups=["ops"]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_provider_that_says_something_wrong_lets_nobody_in(
    idp: Provider, lie: Callable[[Provider], object]
) -> None:
    lie(idp)
    people, client = User.objects.count(), Client()
    assert sign_on(client)["Location"] == reverse("admin:login")
    assert "did not let you in" in client.get(reverse("admin:login")).content.decode()
    assert (is_in(client), User.objects.count()) == (False, people)
    assert AuditRecord.objects.filter(kind="login.refused").count() == 1


@pytest.mark.parametrize(("key", "algorithm"), [("secret" * 8, "HS256"), ("", "none"), (None, "RS256")])
def test_a_token_that_the_provider_has_not_signed_lets_nobody_in(
    idp: Provider, key: str | None, algorithm: str
) -> None:
    idp.algorithm, idp.signing_key = algorithm, key_of(2) if key is None else key
    client = Client()
    sign_on(client)
    assert not is_in(client)


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_the_provider_gives_nobody_a_place_at_the_desk(idp: Provider, change: dict[str, bool]) -> None:
    User.objects.filter(username="jo").update(**change)
    client = Client()
    sign_on(client)
    assert not is_in(client)


def test_two_people_with_one_address_are_nobody(idp: Provider) -> None:
    User.objects.create(username="jo-2", email="jo@desk.example", is_staff=True)
    client = Client()
    sign_on(client)
    assert not is_in(client)


def test_an_answer_of_the_provider_serves_one_browser_once(idp: Provider) -> None:
    victim, thief = Client(), Client()
    location = thief.get(reverse("desk:single_sign_on"))["Location"]
    for client in (victim, Client()):  # forced on another browser: login CSRF
        come_back(client, location)
        assert not is_in(client)
    parts = urlsplit(httpx.get(location, timeout=60).headers["Location"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    thief.get(parts.path, query)
    assert is_in(thief)
    thief.logout()
    thief.get(parts.path, query)
    assert not is_in(thief), "the answer was used again"


def test_who_signs_on_gets_a_new_session_key(idp: Provider) -> None:
    client = Client()
    location = client.get(reverse("desk:single_sign_on"))["Location"]
    before = client.session.session_key
    come_back(client, location)
    assert is_in(client)
    assert client.session.session_key != before


def test_who_has_a_second_factor_gives_its_code_after_single_sign_on(idp: Provider) -> None:
    device = TOTPDevice.objects.create(user=User.objects.get(username="jo"), confirmed=True)
    client, code = Client(), reverse("desk:single_sign_on_code")
    assert sign_on(client)["Location"] == code
    assert not is_in(client)
    assert client.get(reverse("admin:index")).status_code == 302
    client.post(code, {"code": "000000"})
    assert not is_in(client)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    right = {"code": f"{totp(device.bin_key):06d}"}
    client.post(code, right)
    assert not is_in(client), "a wrong code ends it: the provider must be asked again"
    sign_on(client)
    client.post(code, right)
    assert is_in(client)


def test_only_what_the_provider_asked_just_now_counts_as_step_up(idp: Provider, rf: Any) -> None:
    for asked_at, label in ((time.time(), ""), (time.time() - 400, "Log out"), (None, "Log out")):
        client = Client()
        idp.token = {"auth_time": int(asked_at) if asked_at else None}
        sign_on(client)
        request = rf.get("/")
        request.session, request.user = client.session, User.objects.get(username="jo")
        assert step_up.to_ask(request).startswith(label)
        assert bool(step_up.to_ask(request)) == bool(label)


def test_a_provider_that_is_away_is_said_in_words(idp: Provider, settings: Any) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    client = Client()
    assert client.get(reverse("desk:single_sign_on"))["Location"] == reverse("admin:login")
    assert "not reached" in client.get(reverse("admin:login")).content.decode()


def test_without_a_provider_there_is_no_single_sign_on(desk: None) -> None:
    client = Client()
    assert "single sign-on" not in client.get(reverse("admin:login")).content.decode()
    for name in ("single_sign_on", "single_sign_on_back"):
        assert client.get(reverse(f"desk:{name}")).status_code == 404
    assert not is_in(client)


def test_a_login_form_with_a_code_in_its_query_asks_no_provider(idp: Provider) -> None:
    client = Client()
    client.post(reverse("admin:login") + "?code=x&state=y", {"username": "jo", "password": "x" * 12})
    assert not is_in(client)
