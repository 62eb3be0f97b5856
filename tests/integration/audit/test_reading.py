"""Reading the audit by the API: who may, what is in it, and that its filters hold."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from brokers.models import BrokerAccount
from orders.controls.audit.acting import Acting, acting
from orders.controls.persons.tokens import make_token
from orders.management.people import PERSON_PASSWORD
from orders.models import AccountLimit, Order, Scope
from tests.integration.audit.test_chain import orders

__all__ = ["orders"]
pytestmark = pytest.mark.django_db(transaction=True)


def token(*scopes: Scope, username: str = "auditor") -> str:
    return make_token(username, accounts=BrokerAccount.objects.all(), scopes=scopes)


def read(client: Client, text: str, **query: str) -> Any:
    return client.get("/api/v1/audit", query, headers={"Authorization": f"Token {text}"})


def test_only_a_token_of_the_audit_reads_it(orders: list[Order], client: Client) -> None:
    assert read(client, token(Scope.AUDIT)).status_code == 200
    assert read(client, token(Scope.READ, Scope.ADMIN, username="ops")).status_code == 403


def test_a_page_goes_on_where_the_last_one_ended(orders: list[Order], client: Client) -> None:
    text = token(Scope.AUDIT)
    whole = read(client, text, limit="500").json()["results"]
    first = read(client, text, limit="7").json()
    second = client.get(first["next"], headers={"Authorization": f"Token {text}"}).json()
    assert [*first["results"], *second["results"]] == whole[:14]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"person": "algo", "kind": "order."}, {"order.recorded"}),
        ({"kind": "orders_apitoken."}, {"orders_apitoken.insert"}),
        ({"account": "DU1234567", "kind": "order.rec"}, {"order.recorded"}),
        ({"from": "2090-01-01T00:00:00Z"}, set()),
        ({"to": "2000-01-01T00:00:00Z"}, set()),
    ],
)
def test_filters_give_what_they_name(
    orders: list[Order], client: Client, query: dict[str, str], expected: set[str]
) -> None:
    found = read(client, token(Scope.AUDIT), **query).json()["results"]
    assert {one["kind"] for one in found} == expected


def test_an_order_shows_how_it_was_checked(orders: list[Order], client: Client) -> None:
    found = read(client, token(Scope.AUDIT), order=str(orders[0].pk)).json()["results"]
    assert [one["new"]["check_report"] for one in found] == [orders[0].check_report]


def test_a_refused_request_is_kept_with_its_caller(orders: list[Order], client: Client) -> None:
    read(client, token(Scope.READ, username="curious"))
    (refused,) = read(client, token(Scope.AUDIT), person="curious", kind="refused").json()["results"]
    assert (refused["ok"], refused["subject"], refused["address"]) == (
        False,
        "GET /api/v1/audit",
        "127.0.0.1",
    )


def test_logins_and_refused_logins_are_kept(orders: list[Order], client: Client) -> None:
    User.objects.create_superuser("anna", password="right-password")
    for password in ("wrong", "right-password"):
        client.post("/admin/login/?next=/admin/", {"username": "anna", "password": password})
    client.post("/admin/logout/")
    found = read(client, token(Scope.AUDIT), person="anna", kind="log").json()["results"]
    assert [one["kind"] for one in found] == ["logout", "login", "login.refused"]


def test_an_address_that_tries_many_names_has_to_wait(
    orders: list[Order], client: Client, settings: Any
) -> None:
    settings.ADDRESS_TRIES = 3
    User.objects.create_superuser("anna", password="right-password")
    for number in range(3):
        client.post("/admin/login/", {"username": f"name{number}", "password": "Spring2026!"})
    page = client.post("/admin/login/", {"username": "anna", "password": "right-password"})
    assert "Too many refused logins" in page.content.decode()
    other = Client(REMOTE_ADDR="10.1.1.1").post(
        "/admin/login/?next=/admin/", {"username": "anna", "password": "right-password"}
    )
    assert other.status_code == 302


def test_only_the_trusted_proxy_may_say_for_whom_it_speaks(settings: Any) -> None:
    from orders.access import address_of

    meta = {"REMOTE_ADDR": "172.18.0.9", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 10.1.2.3"}
    assert address_of(meta) == "172.18.0.9"
    settings.TRUSTED_PROXY = "172.18.0.0/16"
    assert address_of(meta) == "10.1.2.3"
    assert address_of({**meta, "REMOTE_ADDR": "9.9.9.9"}) == "9.9.9.9"


def test_nobody_rebuilds_or_releases_from_a_shell_without_a_password(
    orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_superuser("ops", password="right-one-9")
    User.objects.create_user("clerk", password="right-one-9", is_staff=True)
    for name, password, words in (("ops", "wrong", "not the password"), ("clerk", "right-one-9", "may not")):
        monkeypatch.setenv(PERSON_PASSWORD, password)
        with pytest.raises(CommandError, match=words):
            call_command("rebuild", "main", f"--by={name}", "--reason=r", "--release")


def test_the_page_shows_old_and_new_and_files_have_the_same(orders: list[Order], client: Client) -> None:
    boss = User.objects.create_superuser("boss", password="right-password")
    client.force_login(boss)
    with acting(Acting(person="anna", via="desk", reason="larger book")):
        AccountLimit.objects.update(max_notional=7)
    page = client.get(
        "/admin/desk/audit/", {"person": "anna", "kind": "orders_accountlimit."}
    ).content.decode()
    assert "larger book" in page
    assert "max_notional: 5000000.0000000000 &rarr; 7.0000000000" in page
    for kind in ("csv", "json"):
        file = client.get(f"/admin/desk/audit.{kind}", {"person": "anna"})
        assert b"larger book" in b"".join(file.streaming_content)  # type: ignore[attr-defined]
    clerk = User.objects.create_user("clerk2", password="right-password", is_staff=True)
    client.force_login(clerk)
    assert client.get("/admin/desk/audit/").status_code == 403


@pytest.mark.parametrize("reason", ["=cmd", " =cmd", "\t=cmd"])
def test_a_file_quotes_what_a_spreadsheet_would_run(orders: list[Order], client: Client, reason: str) -> None:
    client.force_login(User.objects.create_superuser("boss", password="right-password"))
    with acting(Acting(person="anna", via="desk", reason=reason)):
        AccountLimit.objects.update(max_notional=7)
    file = client.get("/admin/desk/audit.csv", {"person": "anna"})
    lines = b"".join(file.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert {row["text"] for row in csv.DictReader(lines)} == {f"'{reason}"}


def test_the_page_takes_times_as_utc_whatever_the_zone_of_the_person(
    orders: list[Order], client: Client
) -> None:
    client.force_login(User.objects.create_superuser("boss", password="right-password"))
    client.cookies["desk_zone"] = "America/New_York"
    hour, now = timedelta(hours=1), timezone.now()
    span = {"since": f"{now - hour:%Y-%m-%dT%H:%M}", "until": f"{now + hour:%Y-%m-%dT%H:%M}"}
    page = client.get("/admin/desk/audit/", {"kind": "order.recorded", **span}).content.decode()
    assert f"order {orders[0].cl_ord_id} " in page
