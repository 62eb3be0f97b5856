"""Who gets in, who sees which account, who may do what."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from brokers.models import Position
from orders.controls.halts.kill import press
from orders.models import Break, DeskProfile, Execution, KillAction, Order, ScopeState
from tests.integration.admin.conftest import fill
from tests.integration.api.conftest import ACCOUNT, OTHER, placed
from tests.integration.api.test_trading_states import hold
from tests.integration.persons import person as somebody

pytestmark = pytest.mark.usefixtures("groups")
LOGIN = "/admin/login/"


def member(group: str, *accounts: str) -> Client:
    """A person of a group with these accounts, logged in."""
    user = User.objects.create(username=f"{group}-{User.objects.count()}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    DeskProfile.objects.create(user=user).accounts.set(accounts)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def two_accounts(desk: None) -> tuple[Order, Order]:
    fill(1)
    return Order.objects.get(), placed("secret-1", account=OTHER)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/orders/order/",
        "/admin/orders/order/?q=secret",
        "/admin/desk/orders/export/csv/",
        "/admin/",
        "/admin/orders/execution/",
        "/admin/brokers/brokeraccount/",
        "/admin/desk/dashboard/live/",
    ],
)
def test_another_account_is_nowhere(two_accounts: tuple[Order, Order], path: str) -> None:
    viewer, supervisor = member("viewer", ACCOUNT), member("supervisor")
    answer = viewer.get(path)
    text = b"".join(answer) if answer.streaming else answer.content
    assert answer.status_code == 200
    assert b"secret-1" not in text
    assert OTHER.encode() not in text
    assert supervisor.get(path).status_code == 200


def test_another_accounts_order_is_not_found_by_any_door(two_accounts: tuple[Order, Order]) -> None:
    _, hidden = two_accounts
    trader = member("trader", ACCOUNT)
    for path in (
        reverse("admin:orders_order_change", args=[hidden.id]),
        reverse("admin:orders_order_history", args=[hidden.id]),
        reverse("desk:act", args=[hidden.id, "cancel"]),
        reverse("desk:peek", args=[hidden.id]),
    ):
        assert trader.get(path).status_code in (302, 404), path
    rows = trader.get(reverse("desk:rows"), {"ids": str(hidden.id)})
    assert str(hidden.id) not in rows.content.decode()
    assert "secret" not in trader.get(reverse("desk:ticket"), {"copy": str(hidden.id)}).content.decode()


@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("viewer", set()),
        ("trader", {"place_order", "cancel_order", "replace_order"}),
        ("supervisor", {"place_order", "cancel_order", "replace_order", "resolve_order", "resolve_break"}),
        ("risk", {"cancel_order", "change_accountlimit", "resolve_break"}),
        ("ops", {"resolve_break"}),
    ],
)
def test_a_group_may_what_it_is_for(db: None, group: str, may: set[str]) -> None:
    rights = set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))
    every = {"place_order", "cancel_order", "replace_order", "resolve_order", "change_accountlimit"}
    assert rights & {*every, "resolve_break"} == may


def log_in(client: Client, **fields: str) -> Any:
    return client.post(LOGIN, {"username": "jo", "password": "right-one-9", **fields})


@pytest.fixture
def jo(desk: None) -> User:
    return User.objects.create_user("jo", password="right-one-9", is_staff=True)


def test_the_sixth_try_is_not_checked(jo: User) -> None:
    client = Client()
    answers = [log_in(client, password="wrong").status_code for _ in range(5)]
    assert answers[-1] == 429
    locked = log_in(client)
    assert locked.status_code == 429
    assert "Too many tries" in locked.content.decode()
    AccessAttempt.objects.all().delete()
    assert log_in(client).status_code == 302


def test_who_has_a_second_factor_needs_its_code(jo: User) -> None:
    client = Client()
    client.force_login(jo)
    page = client.get(reverse("desk:second_factor"))
    assert "data:image/svg+xml" in page.content.decode()
    device = TOTPDevice.objects.get(user=jo)
    code = f"{totp(device.bin_key):06d}"
    assert client.post(reverse("desk:second_factor"), {"code": "000000"}).status_code == 200
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert client.post(reverse("desk:second_factor"), {"code": code}).status_code == 303
    fresh = Client()
    assert log_in(fresh).status_code == 200, "the password alone does not open"
    TOTPDevice.objects.update(last_t=-1, throttling_failure_count=0, throttling_failure_timestamp=None)
    assert log_in(fresh, otp_token=f"{totp(device.bin_key):06d}").status_code == 302


def test_a_required_second_factor_that_is_missing_allows_only_setup(jo: User, settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    client = Client()
    client.force_login(jo)
    assert client.get("/admin/")["Location"] == reverse("desk:second_factor")


def test_an_idle_login_ends_and_refreshing_is_not_work(jo: User, settings: Any) -> None:
    client = Client()
    client.force_login(jo)
    client.get("/admin/")
    session = client.session
    session["desk_seen"] = int(time.time()) - 60 * int(settings.IDLE_MINUTES) - 5
    session.save()
    assert client.get("/admin/", headers={"X-Desk-Live": "1"}).status_code == 401
    assert LOGIN in client.get("/admin/")["Location"]


def test_a_script_of_a_page_is_told_that_the_person_is_logged_out(db: None) -> None:
    for name in ("desk:strip", "desk:ticket_check"):
        answer = Client().post(reverse(name), headers={"X-Desk-Live": "1"})
        assert (answer.status_code, answer["Content-Type"]) == (401, "text/plain")
        assert "nothing was sent" in answer.content.decode()


@pytest.mark.parametrize(
    ("came", "back"),
    [
        ("http://testserver/admin/desk/ticket/?copy=1", "/admin/desk/ticket/?copy=1"),
        ("http://evil.example/admin/desk/ticket/", "/admin/"),
        ("http://testserver//evil.example/", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_a_form_sent_too_late_leads_back_to_its_page_after_the_login(db: None, came: str, back: str) -> None:
    answer = Client().post(reverse("desk:ticket_send"), headers={"Referer": came})
    assert parse_qs(urlsplit(answer["Location"]).query)["next"] == [back]


def test_an_idle_login_comes_back_to_the_view_that_it_left(jo: User, settings: Any) -> None:
    client = Client()
    client.force_login(jo)
    client.get("/admin/")
    settings.IDLE_MINUTES = -1
    answer = client.get("/admin/orders/order/?view=open")
    assert parse_qs(urlsplit(answer["Location"]).query)["next"] == ["/admin/orders/order/?view=open"]


def test_nobody_raises_their_own_rights(person: Callable[..., Client]) -> None:
    manager = person("auth.view_user", "auth.change_user", "auth.delete_user")
    me, boss = User.objects.get(username="jo-1"), User.objects.create_superuser("boss")
    for user in (me, boss):
        url = reverse("admin:auth_user_change", args=[user.pk])
        assert manager.post(url, {"username": user.username, "is_superuser": "on"}).status_code == 403
    me.refresh_from_db()
    assert not me.is_superuser


def test_sending_is_paused_and_resumed_with_a_reason(boss: Client, person: Callable[..., Client]) -> None:
    url = reverse("desk:session_act", args=["main", "pause"])
    press = {"key": "00000000-0000-4000-8000-000000000001", "reason": "maintenance"}
    assert person("brokers.view_gatewaysession").post(url, press).status_code == 403
    assert "Paused" in boss.post(url, press, follow=True).content.decode()
    row = ScopeState.objects.get(pk="session:main")
    assert (row.state, row.reason, row.set_by) == ("HALTED", "maintenance", "desk:jo-1")
    page = boss.get(reverse("admin:brokers_gatewaysession_change", args=["main"])).content.decode()
    assert "Gate shut" in page
    resume = reverse("desk:session_act", args=["main", "resume"])
    boss.post(resume, {**press, "key": "00000000-0000-4000-8000-000000000002"})
    row.refresh_from_db()
    assert row.state == "ACTIVE"


@pytest.mark.parametrize("act", ["resume", "release"])
def test_a_session_under_a_kill_is_not_let_go_by_another_button(boss: Client, act: str) -> None:
    press(scope="session:main", action=KillAction.HALT, actor=somebody("ann"), reason="runs away")
    url = reverse("desk:session_act", args=["main", act])
    wanted = {"key": "00000000-0000-4000-8000-000000000003", "reason": "around it"}
    assert "its release by a second person" in boss.post(url, wanted, follow=True).content.decode()
    assert ScopeState.objects.get(pk="session:main").state == "HALTED"


def a_break() -> Break:
    seen = timezone.now()
    return Break.objects.create(
        session_id="main",
        kind="ORDER",
        key="an-order",
        account_id=ACCOUNT,
        text="AAPL differs by 5",
        ours={"quantity": "10"},
        broker={"quantity": "15"},
        first_seen=seen,
        last_seen=seen,
    )


def test_a_break_is_owned_noted_and_resolved_and_not_by_everybody(boss: Client) -> None:
    row = a_break()
    url = lambda name: reverse("desk:break_act", args=[row.pk, name])  # noqa: E731
    assert member("viewer", ACCOUNT).post(url("resolve"), {"text": "x"}).status_code == 403
    boss.post(url("take"))
    boss.post(url("note"), {"text": "asked the broker"})
    assert "Please give a reason" in boss.post(url("resolve"), {"text": " "}, follow=True).content.decode()
    assert (
        "Resolved" in boss.post(url("resolve"), {"text": "it was a transfer"}, follow=True).content.decode()
    )
    page = boss.get(reverse("admin:orders_break_change", args=[row.pk])).content.decode()
    assert "asked the broker" in page
    assert "differs" in page
    assert Execution.objects.count() == 0


def test_a_session_from_before_the_second_factor_ends_with_its_set_up(client: Client) -> None:
    jo = User.objects.create_superuser("jo2", password="right-password")
    before = Client()
    for one in (before, client):
        one.force_login(jo)
    client.get(reverse("desk:second_factor"))
    first = TOTPDevice.objects.get(user=jo).key
    client.get(reverse("desk:second_factor"))
    device = TOTPDevice.objects.get(user=jo)
    assert device.key != first, "a secret that somebody may have seen before opens nothing"
    code = totp(device.bin_key)
    client.post(reverse("desk:second_factor"), {"code": f"{code:06}"})
    assert client.get(reverse("admin:index")).status_code == 200
    assert before.get(reverse("admin:index")).status_code == 302


def test_a_wrong_second_code_counts_like_a_wrong_password(client: Client, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    jo = User.objects.create_superuser("jo3", password="right-password")
    TOTPDevice.objects.create(user=jo, confirmed=True)
    form = {"username": "jo3", "password": "right-password", "otp_token": "000000"}
    answers = [client.post(reverse("admin:login"), form).status_code for _ in range(3)]
    assert answers[-1] in (403, 429)


def test_a_kill_is_two_presses_from_every_page(boss: Client, person: Callable[..., Client]) -> None:
    assert "Kill…" in boss.get(reverse("admin:index")).content.decode()
    said = {"scope": "firm", "action": "cancel", "reason": "runs away"}
    assert person("orders.view_order").post(reverse("desk:kill"), said).status_code == 403
    page = boss.post(reverse("desk:kill"), said, follow=True).content.decode()
    assert "firm is stopped" in page
    assert "cancel firm" in page
    assert "HALTED firm" in boss.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(("act", "quantity"), [("close", 100), ("reverse", 200)])
def test_a_position_is_closed_or_reversed_from_its_page_once_per_form(
    person: Callable[..., Client], act: str, quantity: int
) -> None:
    hold(100)
    row = Position.objects.get()
    trader, page = person("orders.view_order", "orders.place_order", "brokers.view_position"), row_page(row)
    url = reverse(f"desk:position_{act}", args=[row.account_id, row.con_id])
    assert url in trader.get(page).content.decode()
    assert "give a reason" in trader.post(url, {"reason": "", "key": "k"}, follow=True).content.decode()
    for _ in range(2):
        assert trader.post(url, {"reason": "enough", "key": "k"}).status_code == 303
    assert [order.order_qty for order in Order.objects.all()] == [quantity]
    reader = person("orders.view_order", "brokers.view_position")
    assert url not in reader.get(page).content.decode()
    assert reader.post(url, {"reason": "no right"}).status_code == 403


def test_a_position_of_an_account_that_is_not_ones_own_is_not_closed(desk: None) -> None:
    hold(100)
    row = Position.objects.get()
    stranger = member("trader", OTHER)
    url = reverse("desk:position_close", args=[row.account_id, row.con_id])
    assert stranger.post(url, {"reason": "test"}).status_code == 404
    assert not Order.objects.exists()


def row_page(row: Position) -> str:
    return reverse("admin:brokers_position_change", args=[row.pk])


def test_a_second_factor_is_found_in_the_menu_with_the_secret_to_type(boss: Client) -> None:
    assert reverse("desk:second_factor") in boss.get(reverse("admin:index")).content.decode()
    page = boss.get(reverse("desk:second_factor")).content.decode()
    (secret,) = re.findall(r'<b class="raw">([A-Z2-7=]+)</b>', page)
    assert b32decode(secret) == TOTPDevice.objects.get().bin_key


def test_who_is_held_up_can_be_let_in_at_once(boss: Client) -> None:
    person = User.objects.create_user("late", password="right-password-1", is_staff=True)
    stranger, form = Client(), {"username": person.username, "password": "wrong"}
    login = reverse("admin:login")
    for _ in range(6):
        refused = stranger.post(login, form)
    assert refused.status_code == 429
    (attempt,) = AccessAttempt.objects.all()
    chosen = {"action": "let_in", "_selected_action": attempt.pk}
    boss.post(reverse("admin:axes_accessattempt_changelist"), chosen)
    assert stranger.post(login, form | {"password": "right-password-1"}).status_code == 302


NEW = {
    "username": "mara",
    "password1": "a-long-one-17",
    "password2": "a-long-one-17",
    "first_name": "Mara",
    "accounts": [ACCOUNT],
    "second_factor": "on",
}


def test_one_form_makes_a_person_with_role_accounts_and_second_factor(boss: Client) -> None:
    trader = Group.objects.get(name="trader")
    made = boss.post(reverse("admin:auth_user_add"), {**NEW, "role": [trader.pk]})
    mara = User.objects.get(username="mara")
    assert (mara.is_staff, mara.is_superuser) == (True, False)
    assert list(mara.groups.all()) == [trader]
    assert list(mara.desk.accounts.values_list("pk", flat=True)) == [ACCOUNT]
    device = TOTPDevice.objects.get(user=mara)
    secret = re.search(r'<b class="raw">([A-Z2-7=]+)</b>', made.content.decode())
    assert secret and b32decode(secret[1]) == device.bin_key
    code = str(totp(device.bin_key)).zfill(6)
    login = {"username": "mara", "password": NEW["password1"], "otp_token": code}
    assert Client().post(LOGIN, login).status_code == 302


def test_who_is_no_superuser_gives_no_role_to_a_new_person(person: Callable[..., Client]) -> None:
    maker = person("auth.add_user", "auth.change_user", "auth.view_user")
    page = maker.get(reverse("admin:auth_user_add")).content.decode()
    assert 'name="role"' not in page
    maker.post(reverse("admin:auth_user_add"), {**NEW, "role": [Group.objects.get(name="trader").pk]})
    mara = User.objects.get(username="mara")
    assert (list(mara.groups.all()), mara.is_superuser) == ([], False)
