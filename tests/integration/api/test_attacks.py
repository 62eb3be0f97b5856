"""Ways around the controls that a clever caller tries: methods, fields, times, two logins at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from orders.models import AccountLimit, ApiToken, Approval, LimitChange, Order
from tests.integration.api.conftest import ACCOUNT, Api, body
from tests.integration.api.test_approvals import api, asked, now
from tests.integration.api.test_two_persons import at_desk, person

MakeToken = Callable[..., str]


def waiting(maker: Api) -> str:
    """A loosened limit that waits; its path."""
    return f"approvals/{maker.post('limit-changes', asked()).json()['approval']['id']}"


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_by_two_tokens_of_one_person_count_once(desk: None) -> None:
    path = waiting(api("algo", "alice"))
    approvers = [api("checker", "bob"), api("checker-2", "bob"), api("checker-3", "carol")]
    start, answers = Barrier(len(approvers)), []

    def approve(one: Api) -> None:
        start.wait(30)
        answers.append(one.post(f"{path}/approve", {"reason": "ok"}).status_code)
        connection.close()

    threads = [Thread(target=approve, args=(one,)) for one in approvers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, 409, 409]
    assert (now(), LimitChange.objects.filter(field="max_order_qty", new="20000").count()) == (20_000, 1)


def test_what_nobody_decided_in_time_is_not_carried_out_by_any_door(desk: None) -> None:
    path = waiting(api("algo", "alice"))
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = api("checker", "bob").post(f"{path}/approve", {"reason": "ok"})
    assert (answer.status_code, answer.json()["code"]) == (409, "APPROVAL_OVER")
    approval = Approval.objects.get()
    at_desk(person("carol", "superuser")).post(
        reverse("desk:approval_decide", args=[approval.pk, "approve"]), {"reason": "x"}
    )
    assert now() == 10_000


def test_what_changed_since_it_was_asked_for_is_not_approved(desk: None) -> None:
    path = waiting(api("algo", "alice"))
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=500)
    answer = api("checker", "bob").post(f"{path}/approve", {"reason": "ok"})
    assert (answer.status_code, now()) == (409, 500)


def test_what_a_client_asked_for_is_not_approved_once_no_token_of_it_works(desk: None) -> None:
    first, second = waiting(api("algo", "alice")), waiting(api("algo", "alice"))
    tokens = ApiToken.objects.filter(user__username="algo").order_by("created")
    tokens.filter(pk=tokens[0].pk).update(revoked_at=timezone.now())
    assert api("checker", "bob").post(f"{first}/approve", {"reason": "ok"}).status_code == 200
    tokens.update(revoked_at=timezone.now())
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=10_000)
    answer = api("checker", "bob").post(f"{second}/approve", {"reason": "ok"})
    assert (answer.status_code, now()) == (409, 10_000)
    assert "no token of algo works" in answer.json()["detail"]


def test_an_approval_takes_no_content_of_its_approver(desk: None) -> None:
    path = waiting(api("algo", "alice"))
    more = {"value": "999999", "diff": [], "payload": {"value": "999999"}, "state": "APPROVED"}
    answer = api("checker", "bob").post(f"{path}/approve", {"reason": "ok", **more})
    assert (answer.status_code, now()) == (400, 10_000)


STATED = (
    *("id", "state", "ord_status", "client", "cum_qty", "avg_px", "order_ref", "perm_id", "check_report"),
    *("held_for_desk", "claimed_at", "recorded_at", "version", "origin", "source", "trader", "approval"),
)


@pytest.mark.parametrize("field", STATED)
def test_an_order_says_nothing_of_what_is_ours_to_say(api: Api, field: str) -> None:
    answer = api.post("orders", {**body(), field: "1"})
    assert (answer.status_code, Order.objects.count()) == (400, 0), answer.json()


@pytest.mark.parametrize(
    "more", [{"person": 1}, {"waiting": False}, {"made_by": "x"}, {"token_key": "x"}, {"is_staff": True}]
)
def test_a_token_says_nothing_of_what_is_ours_to_say(desk: None, more: dict[str, Any]) -> None:
    wanted = {"username": "new", "scopes": ["trade"], "accounts": [ACCOUNT], **more}
    assert api("algo", "alice").post("tokens", wanted).status_code == 400
    assert not ApiToken.objects.filter(user__username="new").exists()


def routes(name: str) -> list[URLPattern]:
    """All patterns of an URL module."""
    return [each for each in get_resolver(name).url_patterns if isinstance(each, URLPattern)]


def address(route: URLPattern) -> str:
    """The pattern with something for each of its parts."""
    text = str(route.pattern)
    for part, found in route.pattern.converters.items():
        plain = {"IntConverter": "1", "UUIDConverter": "0" * 8 + "-0000-7000-8000-" + "0" * 12}
        value = plain.get(type(found).__name__, "x")
        text = text.replace(f"<{type(found).__name__.removesuffix('Converter').lower()}:{part}>", value)
    return text


def test_no_method_of_any_endpoint_answers_who_lacks_its_scope(desk: None, token: MakeToken) -> None:
    """HEAD and OPTIONS too: a token that may only cancel reads nothing by them."""
    client = Api(token(scopes=("cancel",)))
    for route in routes("orders.api.urls"):
        path = f"/api/v1/{address(route)}"
        scopes = getattr(getattr(route.callback, "cls", None), "scopes", {})
        if path == "/api/v1/" or "<" in path or "(" in path or None in scopes.values() or not scopes:
            continue
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
            answer = client.client.generic(method, path, headers=client.headers)
            assert answer.status_code in (403, 404, 405), (method, path, answer.status_code)
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            assert Client().generic(method, path).status_code in (401, 405), (method, path)


def test_every_form_of_the_desk_needs_a_csrf_token() -> None:
    exempt = [str(route.pattern) for route in routes("orders.admin.urls") if is_exempt(route.callback)]
    assert exempt == []


def is_exempt(view: Any) -> bool:
    return bool(getattr(view, "csrf_exempt", False))


def test_an_approval_is_not_given_by_a_form_of_another_site(desk: None) -> None:
    path = waiting(api("algo", "alice"))
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("bob", "superuser"))
    url = reverse("desk:approval_decide", args=[path.split("/")[1], "approve"])
    for headers in ({}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example/"}):
        assert client.post(url, {"reason": "x"}, headers=headers).status_code == 403
    assert now() == 10_000


def test_a_session_key_that_somebody_else_chose_is_not_kept_at_login(desk: None) -> None:
    User.objects.create_user("jo", password="right-one-9", is_staff=True)
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    client.post("/admin/login/", {"username": "jo", "password": "right-one-9"})
    assert client.session["_auth_user_id"]
    assert client.session.session_key != "a" * 32


def test_a_step_up_counts_in_its_own_session_only(desk: None) -> None:
    bob = person("bob", "superuser")
    client = at_desk(bob)
    proven = dict(client.session.items())["desk_proven_at"]
    other = at_desk(bob)
    session = other.session
    session["desk_proven_at"] = 0
    session.save()
    url = reverse("desk:approval_decide", args=[waiting(api("algo", "alice")).split("/")[1], "approve"])
    other.post(url, {"reason": "x", "desk_proven_at": str(proven), "again": ""})
    assert now() == 10_000
    client.post(url, {"reason": "x"})
    assert now() == 20_000


@pytest.mark.parametrize(
    "kind", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "csv/../../x", "csv%00", "py"]
)
def test_a_file_is_of_the_kinds_that_there_are(desk: None, kind: str) -> None:
    boss = at_desk(person("bob", "superuser"))
    boss.raise_request_exception = False
    for path in (f"/admin/desk/orders/export/{kind}/", f"/admin/desk/audit.{kind}"):
        assert boss.get(path).status_code in (301, 302, 400, 404), path
    reader = api("reader", "bob")
    for path in ("reports/end-of-day", "reports/start-of-day"):
        answer = reader.get(path, account=ACCOUNT, date="2026-11-27", format=kind)
        assert answer.status_code in (400, 404, 406), path
        assert answer.status_code != 500
