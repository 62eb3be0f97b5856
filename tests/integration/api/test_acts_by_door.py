"""The table of acts x roles x doors: what needs two, and what an auditor or a trader may not do at all.

Limits, their file, tokens and logins by every door: `test_two_persons`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from brokers.models import BrokerAccount, Instrument
from orders.controls.persons import people
from orders.controls.persons.tokens import make_token
from orders.models import (
    AccountLimit,
    ApiToken,
    Approval,
    Break,
    DeskProfile,
    Execution,
    InstrumentRestriction,
    KillSwitch,
    Order,
    OutboxCommand,
    ScopeState,
    Split,
)
from tests.examples import more_in_soak
from tests.integration.api.conftest import ACCOUNT, Api, body
from tests.integration.api.test_two_persons import approve_by_every_door, at_desk, person

Do = Callable[[User], Any]
SCOPE = f"account:{ACCOUNT}"
MORE = (
    *("orders.place_order", "orders.resolve_order", "orders.resolve_break", "orders.press_kill"),
    *("orders.set_trading_state", "brokers.operate_session", "orders.view_break", "orders.override_limit"),
    *("brokers.view_gatewaysession", "orders.view_scopestate"),
)


def by_token(user: User) -> Api:
    """A token with all that this person can give."""
    accounts = list(BrokerAccount.objects.filter(pk__in=people.at_desk(user).accounts))
    scopes = sorted(people.at_desk(user).scopes)
    return Api(make_token(f"bot-of-{user}", accounts=accounts, scopes=scopes, person=user))


def shell(*words: str, **options: Any) -> None:
    """A command that may refuse."""
    with suppress(CommandError):
        call_command(*words, **options)


# --- what needs two ---------------------------------------------------------------------------------------
def restriction_ended(user: User) -> None:
    aapl = Instrument.objects.get(symbol="AAPL")
    form = {"scope": SCOPE, "instrument": aapl.pk, "effect": "restricted", "side": "", "reason": "x"}
    at_desk(user).post(reverse("desk:restrictions"), form)
    row = InstrumentRestriction.objects.get()
    at_desk(user).post(reverse("desk:restriction_end", args=[row.pk]), {"reason": "x"})


def instrument_allowed(user: User) -> None:
    AccountLimit.objects.update(any_instrument=False)
    aapl = Instrument.objects.get(symbol="AAPL")
    form = {"scope": SCOPE, "instrument": aapl.pk, "effect": "allowed", "side": "", "reason": "x"}
    at_desk(user).post(reverse("desk:restrictions"), form)


def kill_pressed(user: User) -> None:
    by_token(user).post("kill", {"scope": SCOPE, "action": "halt", "reason": "x"})
    release_by_every_door(user)


def release_by_every_door(user: User) -> None:
    kill = KillSwitch.objects.get()
    at_desk(user).post(reverse("desk:kill_release", args=[kill.pk]), {"reason": "x"})
    by_token(user).post(f"kill/{kill.pk}/release", {"reason": "x"})
    shell("kill", "--release", str(kill.pk), "--by", user.username, "--reason", "x")
    shell("tradingstate", SCOPE, "ACTIVE", by=user.username, reason="x")
    by_token(user).post("trading-states", {"scope": SCOPE, "state": "ACTIVE", "reason": "x"})


def execution_entered(user: User, *approver: str) -> None:
    by_token(user).post("orders", body("held", order_qty="10"))
    order = Order.objects.get(cl_ord_id="held")
    Order.objects.filter(pk=order.pk).update(state="UNCONFIRMED", held_for_desk=True)
    words = ("--exec-id", "e.1", "--qty", "10", "--px", "200", "--time", "2026-11-20T20:00:00")
    shell("enterexecution", str(order.pk), *words, "--by", user.username, "--reason", "x", *approver)


def execution_entered_and_approved_alone(user: User) -> None:
    execution_entered(user, "--approved-by", user.username)


def split_entered(user: User, *approver: str) -> None:
    by_token(user).post("orders", body("of-a-known-contract"))
    con_id = Instrument.objects.filter(symbol="AAPL").values_list("con_id", flat=True).get()
    words = ("--ex-date", "2026-11-20", "--new", "3", "--for", "2")
    shell("entersplit", str(con_id), *words, "--by", user.username, "--reason", "x", *approver)


def split_entered_and_approved_alone(user: User) -> None:
    split_entered(user, "--approved-by", user.username)


def large_order_by_api(user: User) -> None:
    by_token(user).post("orders", body("large", order_qty="100", price="200"))


def large_order_in_a_bulk(user: User) -> None:
    by_token(user).post("orders/bulk", {"orders": [body("large", order_qty="100", price="200")]})


def large_order_at_desk(user: User) -> None:
    terms = {"account": ACCOUNT, "symbol": "AAPL", "side": "BUY", "order_qty": "100", "ord_type": "LMT"}
    at_desk(user).post(reverse("desk:ticket_send"), {**terms, "price": "200", "key": str(uuid4())})


def warning_overridden(user: User) -> None:
    AccountLimit.objects.update(max_order_qty=50, soft=["max_order_qty"])
    api = by_token(user)
    wanted = body("large", order_qty="60", price="200")
    warned = [check["id"] for check in api.post("orders", wanted).json()["report"] if check["id"]]
    api.post("orders", {**wanted, "cl_ord_id": "again", "override": {"ids": warned, "reason": "x"}})


def break_resolved(user: User) -> None:
    row = Break.objects.create(
        session_id="main", kind="CASH", key="k", account_id=ACCOUNT, text="differs",
        ours={"currency": "USD", "expected": "0"}, broker={"reported": "5000"},
        first_seen=timezone.now(), last_seen=timezone.now(),
    )  # fmt: skip
    at_desk(user).post(reverse("desk:break_act", args=[row.pk, "resolve"]), {"text": "x"})


def restriction_is_over() -> bool:
    return InstrumentRestriction.objects.filter(effect="restricted", ends_at__isnull=False).exists()


def is_allowed() -> bool:
    return InstrumentRestriction.objects.filter(effect="allowed").exists()


def is_released() -> bool:
    return not ScopeState.objects.filter(pk=SCOPE, state="HALTED").exists()


def sendable() -> bool:
    return OutboxCommand.objects.filter(done_at=None).exists()


@dataclass(frozen=True, kw_only=True)
class Needs:
    """An act that needs two: how one tries it, what shows that it was done, how the second one agrees."""

    act: Do
    done: Callable[[], bool]
    agree: Do = approve_by_every_door


NEED_TWO = [
    Needs(act=restriction_ended, done=restriction_is_over),
    Needs(act=instrument_allowed, done=is_allowed),
    Needs(act=kill_pressed, done=is_released, agree=release_by_every_door),
    Needs(act=execution_entered, done=lambda: Execution.objects.exists()),
    Needs(act=execution_entered_and_approved_alone, done=lambda: Execution.objects.exists()),
    Needs(act=split_entered, done=lambda: Split.objects.exists()),
    Needs(act=split_entered_and_approved_alone, done=lambda: Split.objects.exists()),
    Needs(act=large_order_by_api, done=sendable),
    Needs(act=large_order_in_a_bulk, done=sendable),
    Needs(act=large_order_at_desk, done=sendable),
    Needs(act=warning_overridden, done=sendable),
    Needs(act=break_resolved, done=lambda: Break.objects.filter(closed_at__isnull=False).exists()),
]


@pytest.fixture
def asked(desk: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], User]:
    """Everything needs two, from small values on; a person of a kind, whose password the shell is told."""
    settings.ORDERS_ABOVE, settings.BREAKS_ABOVE = Decimal(15_000), Decimal(100)

    def somebody(name: str, kind: str) -> User:
        user = person(name, kind)
        if kind == "risk":
            for right in MORE:
                app, codename = right.split(".")
                user.user_permissions.add(
                    Permission.objects.get(content_type__app_label=app, codename=codename)
                )
        for variable in ("PERSON", "APPROVER"):
            monkeypatch.setenv(f"TRADEDESK_{variable}_PASSWORD", f"words-of-{name}")
        return User.objects.get(pk=user.pk)

    return somebody


@pytest.mark.parametrize("needs", NEED_TWO, ids=lambda needs: needs.act.__name__)
@pytest.mark.parametrize("kind", more_in_soak(["superuser"], ["risk"]))
def test_what_needs_two_is_done_by_two_and_by_no_one_alone(
    asked: Callable[[str, str], User], needs: Needs, kind: str
) -> None:
    alice = asked("alice", kind)
    needs.act(alice)
    needs.agree(alice)
    assert not needs.done()
    needs.agree(asked("auditor", "auditor"))
    assert not needs.done()
    if needs.act in (execution_entered_and_approved_alone, split_entered_and_approved_alone):
        return  # refused as a whole, with what would have waited
    needs.agree(asked("bob", "risk"))
    assert needs.done()


# --- what one may do, of the right role -------------------------------------------------------------------
def state_by_api(user: User) -> None:
    by_token(user).post("trading-states", {"scope": SCOPE, "state": "ACTIVE", "reason": "x"})


def state_at_desk(user: User) -> None:
    at_desk(user).post(reverse("desk:trading_states"), {"scope": SCOPE, "state": "ACTIVE", "reason": "x"})


def state_at_shell(user: User) -> None:
    shell("tradingstate", SCOPE, "ACTIVE", by=user.username, reason="x")


def session_at_desk(user: User) -> None:
    url = reverse("desk:session_act", args=["main", "release"])
    at_desk(user).post(url, {"key": str(uuid4()), "reason": "x"})


def session_at_shell(user: User) -> None:
    shell("release", "main", "--by", user.username, "--reason", "x")


def session_rebuilt_at_shell(user: User) -> None:
    shell("rebuild", "main", "--by", user.username, "--reason", "x", "--release")


@pytest.mark.parametrize(
    "act",
    [
        state_by_api,
        state_at_desk,
        state_at_shell,
        session_at_desk,
        session_at_shell,
        session_rebuilt_at_shell,
    ],
    ids=lambda act: act.__name__,
)
def test_what_was_stopped_goes_on_only_by_who_has_the_right(
    asked: Callable[[str, str], User], act: Do
) -> None:
    for scope in (SCOPE, "session:main"):
        ScopeState.objects.create(scope=scope, state="HALTED", set_by="test", reason="x")
    act(asked("auditor", "auditor"))
    assert ScopeState.objects.filter(state="HALTED").count() == 2
    act(asked("bob", "risk"))
    assert ScopeState.objects.filter(state="HALTED").count() == 1
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    "act", [session_at_desk, session_at_shell, session_rebuilt_at_shell], ids=lambda act: act.__name__
)
def test_a_session_that_carries_accounts_of_others_is_not_let_go(
    asked: Callable[[str, str], User], act: Do
) -> None:
    ScopeState.objects.create(scope="session:main", state="HALTED", set_by="test", reason="x")
    narrow = asked("narrow", "risk")
    narrow.user_permissions.remove(Permission.objects.get(codename="view_all_accounts"))
    DeskProfile.objects.get(user=narrow).accounts.set([ACCOUNT])
    act(User.objects.get(pk=narrow.pk))
    assert ScopeState.objects.get().state == "HALTED"


def token_at_desk_for(owner: str, user: User) -> None:
    form = {"username": owner, "accounts": [ACCOUNT], "scopes": ["read"]}
    at_desk(user).post(reverse("admin:orders_apitoken_add"), form)


def token_by_api_for(owner: str, user: User) -> None:
    by_token(user).post("tokens", {"username": owner, "accounts": [ACCOUNT], "scopes": ["read"]})


def token_at_shell_for(owner: str, user: User) -> None:
    shell("apitoken", owner, "--accounts", ACCOUNT, "--scopes", "read", "--by", user.username)


@pytest.mark.parametrize(
    "door", [token_at_desk_for, token_by_api_for, token_at_shell_for], ids=lambda door: door.__name__
)
@pytest.mark.parametrize("owner", ["bob", "of-others", "free"])
def test_no_door_makes_a_token_in_the_name_of_a_person_or_of_anothers_client(
    asked: Callable[[str, str], User], door: Callable[[str, User], None], owner: str
) -> None:
    """`bob` works at the desk, `of-others` is a client with an account that alice has not."""
    asked("bob", "risk")
    make_token("of-others", accounts=list(BrokerAccount.objects.all()), scopes=["read"])
    alice = asked("alice", "risk")
    alice.user_permissions.remove(Permission.objects.get(codename="view_all_accounts"))
    DeskProfile.objects.get(user=alice).accounts.set([ACCOUNT])
    alice = User.objects.get(pk=alice.pk)
    before = ApiToken.objects.filter(user__username=owner).count()
    door(owner, alice)
    made = ApiToken.objects.filter(user__username=owner).count() - before
    assert made == (1 if owner == "free" else 0)
