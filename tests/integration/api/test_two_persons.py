"""Acts that need two persons x who tries x by which door: one person alone gets none of them done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from brokers.models import BrokerAccount
from orders.controls.persons.setting_watch import SUBJECT, note
from orders.controls.persons.tokens import make_token
from orders.models import (
    AccountLimit,
    Alert,
    ApiToken,
    Approval,
    AuditRecord,
    DeskProfile,
    OutboxCommand,
    Scope,
)
from tests.examples import more_in_soak
from tests.integration.api.conftest import ACCOUNT, Api, body

SCOPES = tuple(Scope.values)
RIGHTS = (
    *("orders.view_order", "orders.place_order", "orders.cancel_order", "orders.add_apitoken"),
    *("orders.view_accountlimit", "orders.change_accountlimit", "orders.view_approval"),
    *("orders.decide_approval", "orders.view_audit", "orders.view_all_accounts"),
)


def person(name: str, kind: str) -> User:
    """A superuser has every right, a risk manager those of these acts, an auditor those that only look."""
    user, made = User.objects.get_or_create(username=name, is_staff=True, is_superuser=kind == "superuser")
    if made:
        DeskProfile.objects.create(user=user).accounts.set(BrokerAccount.objects.all())
        user.set_password(f"words-of-{name}")
        user.save()
        for right in RIGHTS if kind == "risk" else [right for right in RIGHTS if ".view_" in right]:
            app, codename = right.split(".")
            found = Permission.objects.filter(content_type__app_label=app, codename=codename)
            user.user_permissions.add(found.get())
    return user


def at_desk(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def by_token(user: User) -> Api:
    accounts = list(BrokerAccount.objects.all())
    return Api(make_token(f"bot-of-{user}", accounts=accounts, scopes=list(SCOPES), person=user))


def loosen_at_desk(user: User) -> None:
    url = f"{reverse('desk:limits_scope')}?scope=account:{ACCOUNT}"
    now = AccountLimit.objects.get(account=ACCOUNT)
    form = {"max_order_qty": "20000", "max_notional": "5000000", "any_instrument": "on", "reason": "x"}
    at_desk(user).post(url, {**form, "version": now.version})


def loosen_by_file(user: User) -> None:
    text = f"scope,field,value\naccount:{ACCOUNT},max_order_qty,20000\n"
    at_desk(user).post(reverse("desk:limits_import"), {"text": text, "reason": "x", "confirm": "1"})


def loosen_by_api(user: User) -> None:
    wanted = {"scope": f"account:{ACCOUNT}", "field": "max_order_qty", "value": "20000", "reason": "x"}
    by_token(user).post("limit-changes", wanted)


def token_at_desk(user: User) -> None:
    form = {"username": "new", "accounts": [ACCOUNT], "scopes": ["trade"]}
    at_desk(user).post(reverse("admin:orders_apitoken_add"), form)


def token_by_api(user: User) -> None:
    by_token(user).post("tokens", {"username": "new", "accounts": [ACCOUNT], "scopes": ["trade"]})


def token_at_shell(user: User) -> None:
    call_command("apitoken", "new", "--accounts", ACCOUNT, "--scopes", "trade", "--by", user.username)


def token_at_shell_approved_alone(user: User) -> None:
    with pytest.raises(CommandError):
        call_command(
            *("apitoken", "new", "--accounts", ACCOUNT, "--scopes", "trade"),
            *("--by", user.username, "--approved-by", user.username),
        )


def done() -> bool:
    """Whether one of the acts has taken effect."""
    loosened = AccountLimit.objects.get(account=ACCOUNT).max_order_qty > 10_000
    return loosened or ApiToken.objects.filter(user__username="new", waiting=False, revoked_at=None).exists()


def approve_by_every_door(user: User) -> None:
    for approval in Approval.objects.filter(state="WAITING"):
        at_desk(user).post(reverse("desk:approval_decide", args=[approval.pk, "approve"]), {"reason": "x"})
        by_token(user).post(f"approvals/{approval.pk}/approve", {"reason": "x"})


def token_at_shell_in_another_name(user: User) -> None:
    """The password is the caller's own, the name is not: he would approve it himself at the desk."""
    person("carol", "superuser")
    with pytest.raises(CommandError, match="not the password of carol"):
        call_command("apitoken", "new", "--accounts", ACCOUNT, "--scopes", "trade", "--by", "carol")


NOTHING_WAITS = (token_at_shell_approved_alone, token_at_shell_in_another_name)
ACTS: list[Callable[[User], Any]] = [
    *(loosen_at_desk, loosen_by_file, loosen_by_api, token_at_desk, token_by_api, token_at_shell),
    *NOTHING_WAITS,
]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
@pytest.mark.parametrize("kind", more_in_soak(["superuser"], ["risk"]))
def test_one_person_alone_gets_nothing_done_by_any_door(
    desk: None, act: Callable[[User], Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = person("alice", kind)
    for variable in ("PERSON", "APPROVER"):
        monkeypatch.setenv(f"TRADEDESK_{variable}_PASSWORD", "words-of-alice")
    act(alice)
    approve_by_every_door(alice)
    assert not done()
    if act in NOTHING_WAITS:
        assert not Approval.objects.exists()
        return
    assert Approval.objects.get().state == "WAITING"
    approve_by_every_door(person("auditor", "auditor"))
    assert not done()
    approve_by_every_door(person("bob", "risk"))
    assert done()


@pytest.mark.parametrize("act", ACTS[:4], ids=lambda act: act.__name__)
def test_an_auditor_changes_nothing(desk: None, act: Callable[[User], Any]) -> None:
    user = person("auditor", "auditor")
    if act is not loosen_by_api:  # a token with more than its person would have been refused when it was made
        act(user)
    assert not done()
    assert not Approval.objects.exists()
    assert at_desk(user).get(reverse("desk:limits")).status_code == 200
    assert at_desk(user).get(reverse("desk:approvals")).status_code == 200


def a_second_login(user: User) -> User:
    """What a superuser makes at the desk to be two: a login with every right."""
    words = {"password1": "words-of-mallory-1", "password2": "words-of-mallory-1", "usable_password": "true"}
    at_desk(user).post(reverse("admin:auth_user_add"), {"username": "mallory", **words})
    mallory = User.objects.get(username="mallory")
    form = {"username": "mallory", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    inline = {"desk-TOTAL_FORMS": "1", "desk-INITIAL_FORMS": "0", "desk-0-accounts": [ACCOUNT]}
    times = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    url = reverse("admin:auth_user_change", args=[mallory.pk])
    assert at_desk(user).post(url, {**form, **inline, **times}).status_code == 302
    return User.objects.get(username="mallory")


def changed_password(user: User) -> User:
    """The other way: another's login with a password that one has set oneself."""
    bob = person("bob", "risk")
    words = {"password1": "words-of-mallory-1", "password2": "words-of-mallory-1", "usable_password": "true"}
    url = reverse("admin:auth_user_password_change", args=[bob.pk])
    assert at_desk(user).post(url, words).status_code == 302
    return bob


def confirm(user: User) -> None:
    for approval in Approval.objects.filter(kind="LOGIN", state="WAITING"):
        at_desk(user).post(reverse("desk:approval_decide", args=[approval.pk, "approve"]), {"reason": "x"})


@pytest.mark.parametrize("another", [a_second_login, changed_password], ids=lambda how: how.__name__)
@pytest.mark.parametrize("maker_is_first", [True, False])
def test_who_has_another_login_in_hand_is_still_one_person(
    desk: None, another: Callable[[User], User], maker_is_first: bool
) -> None:
    alice = person("alice", "superuser")
    second = another(alice)
    maker, approver = (alice, second) if maker_is_first else (second, alice)
    loosen_by_api(maker)
    for user in (approver, second, alice):
        confirm(user)
        approve_by_every_door(user)
    assert not done()
    confirm(person("carol", "risk"))
    approve_by_every_door(approver)
    assert done()


def test_two_logins_that_one_person_made_are_one_person(desk: None) -> None:
    alice = person("alice", "superuser")
    loosen_by_api(a_second_login(alice))
    approve_by_every_door(changed_password(alice))
    assert not done()


@pytest.mark.parametrize("first_answers", [True, False])
def test_an_order_is_not_approved_at_a_login_in_the_hand_of_who_answers_for_its_client(
    desk: None, settings: Any, first_answers: bool
) -> None:
    settings.ORDERS_ABOVE = 15_000
    alice = person("alice", "superuser")
    mallory = a_second_login(alice)
    answering, approver = (alice, mallory) if first_answers else (mallory, alice)
    assert by_token(answering).post("orders", body("large", order_qty="100", price="200")).status_code == 201
    approve_by_every_door(approver)
    assert not OutboxCommand.objects.exists()
    approve_by_every_door(person("carol", "risk"))
    assert OutboxCommand.objects.exists()


def test_two_who_changed_the_same_login_are_still_two(desk: None) -> None:
    alice, carol = person("alice", "superuser"), person("carol", "superuser")
    changed_password(alice)
    changed_password(carol)
    loosen_by_api(alice)
    approve_by_every_door(carol)
    assert done()


def rights(*names: str) -> list[int]:
    """Keys of rights, as the form of a group sends them."""
    return [Permission.objects.get(codename=name).pk for name in names]


def give_rights(user: User, group: str, *names: str) -> Any:
    """As a superuser does at the desk."""
    row = Group.objects.get(name=group)
    url = reverse("admin:auth_group_change", args=[row.pk])
    return at_desk(user).post(url, {"name": group, "permissions": rights(*names)})


def has(group: str) -> set[str]:
    return set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))


def test_rights_given_to_a_group_wait_for_a_second_person(desk: None) -> None:
    alice = person("alice", "superuser")
    assert give_rights(alice, "viewer", "view_order", "decide_approval").status_code == 302
    assert has("viewer") == {"view_order"}, "what was taken away holds at once"
    eve = person("eve", "viewer")
    for user in (alice, eve):
        approve_by_every_door(user)
    assert has("viewer") == {"view_order"}
    approve_by_every_door(person("bob", "risk"))
    assert has("viewer") == {"view_order", "decide_approval"}


def test_a_desk_of_one_person_gives_rights_at_once(desk: None, settings: Any) -> None:
    settings.FOUR_EYES = frozenset()
    give_rights(person("alice", "superuser"), "viewer", "decide_approval")
    assert has("viewer") == {"decide_approval"}


def test_less_that_needs_two_is_told_to_people_and_kept(desk: None) -> None:
    for words in (["limits", "tokens"], ["limits", "tokens"], ["limits"], ["limits", "tokens"]):
        note(words)
    kept = AuditRecord.objects.filter(subject=SUBJECT).order_by("id")
    assert [row.new["needs_two"] for row in kept] == [["limits", "tokens"], ["limits"], ["limits", "tokens"]]
    assert Alert.objects.get(kind="FOUR_EYES").text.endswith("may do from now on: tokens.")
