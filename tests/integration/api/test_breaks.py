"""Breaks by API: who may decide, what is kept of it, and what waits for a second person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from brokers.models import BrokerAccount
from orders.controls.persons import people
from orders.controls.persons.tokens import make_token
from orders.models import Break, BreakKind
from orders.reconciliation import breaks
from orders.reconciliation.ageing import working_days
from orders.reconciliation.breaks import Finding
from tests.integration.api.conftest import ACCOUNT, OTHER, Api
from tests.integration.api.test_two_persons import person


def decider(name: str) -> User:
    user = person(name, "risk")
    user.user_permissions.add(Permission.objects.get(codename="resolve_break"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def boss(desk: None) -> User:
    return decider("boss")


def by_token(user: User, *accounts: str) -> Api:
    chosen = list(BrokerAccount.objects.filter(pk__in=accounts or (ACCOUNT,)))
    scopes = sorted(people.at_desk(user).scopes)
    return Api(make_token(f"bot-of-{user}", accounts=chosen, scopes=scopes, person=user))


def cash(reported: str = "-10", account: str = ACCOUNT) -> Break:
    ours, theirs = {"currency": "USD", "expected": "0"}, {"reported": reported}
    finding = Finding(
        kind=BreakKind.CASH, key=f"{account} USD", text="differs", account=account, ours=ours, broker=theirs
    )
    breaks.record("main", [BreakKind.CASH], [finding])
    return Break.objects.get()


def test_a_break_is_taken_noted_and_closed_with_its_cause(boss: User) -> None:
    api, row = by_token(boss), cash()
    assert api.post(f"breaks/{row.pk}/take", {}).json()["owner"] == "boss"
    assert api.post(f"breaks/{row.pk}/note", {"reason": "asked"}).status_code == 200
    said = {"reason": "wrong fee", "cause": "BROKER_ERROR", "ticket": "81234"}
    closed = api.post(f"breaks/{row.pk}/resolve", said).json()
    assert (closed["cause"], closed["ticket"], closed["closed_by"]) == ("BROKER_ERROR", "81234", "desk:boss")
    again = api.post(f"breaks/{row.pk}/note", {"reason": "late"})
    assert (again.status_code, again.json()["code"]) == (409, "BREAK_CLOSED")
    assert [note.act for note in row.notes.all()] == ["OWNED", "NOTE", "RESOLVED"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"reason": ""},
        {"reason": "x", "cause": "BAD_LUCK"},
        {"reason": "x", "cause": "BROKER_ERROR"},
        {"reason": "x", "cause": "BROKER_ERROR", "ticket": "  "},
        {"reason": "x", "ticket": "é"},
    ],
)
def test_a_decision_without_its_facts_is_refused(boss: User, said: dict[str, Any]) -> None:
    row = cash()
    assert by_token(boss).post(f"breaks/{row.pk}/resolve", said).status_code == 400
    assert Break.objects.get().closed_at is None


def test_a_large_one_waits_for_a_second_person_with_its_cause(boss: User) -> None:
    row = cash("-100001")
    said = {"reason": "dividend", "cause": "CASH_MOVEMENT"}
    answer = by_token(boss).post(f"breaks/{row.pk}/resolve", said)
    assert (answer.status_code, answer.json()["kind"]) == (202, "BREAK")
    second = decider("bob")
    done = by_token(second, ACCOUNT, OTHER).post(
        f"approvals/{answer.json()['id']}/approve", {"reason": "seen"}
    )
    assert done.status_code == 200
    assert Break.objects.get().cause == "CASH_MOVEMENT"


def test_breaks_of_other_accounts_do_not_exist(boss: User) -> None:
    row = cash(account=OTHER)
    for act in ("take", "note", "resolve"):
        assert by_token(boss).post(f"breaks/{row.pk}/{act}", {"reason": "x"}).status_code in (400, 404)
    assert not row.notes.exists()


def test_a_token_that_nobody_answers_for_decides_nothing(boss: User, token: Callable[..., str]) -> None:
    row = cash()
    answer = Api(token(scopes=("read", "risk"))).post(f"breaks/{row.pk}/resolve", {"reason": "x"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("last", "days"),
    [(date(2026, 11, 27), 0), (date(2026, 11, 29), 0), (date(2026, 11, 30), 1), (date(2026, 12, 7), 6)],
)
def test_age_counts_working_days(last: date, days: int) -> None:
    assert working_days(date(2026, 11, 27), last) == days


def test_many_are_closed_with_one_reason_or_none_at_all(boss: User) -> None:
    api = by_token(boss)
    ours, theirs = {"currency": "USD", "expected": "0"}, {"reported": "5"}
    findings = [
        Finding(
            **{"kind": BreakKind.CASH, "key": f"{account} {n}", "text": "differs", "account": account},
            **{"ours": ours, "broker": theirs},
        )
        for n, account in enumerate((ACCOUNT, ACCOUNT, OTHER))
    ]
    breaks.record("main", [BreakKind.CASH], findings)
    first, second, hidden = Break.objects.order_by("key").values_list("pk", flat=True)
    refused = api.post("breaks/resolve", {"ids": [first, hidden], "reason": "fees"})
    assert (refused.status_code, Break.objects.filter(closed_at=None).count()) == (404, 3)
    assert api.post("breaks/resolve", {"ids": [first, first], "reason": "x"}).status_code == 400
    done = api.post("breaks/resolve", {"ids": [first, second], "reason": "fees", "cause": "TOLERANCE"})
    assert {row["resolution"] for row in done.json()["results"]} == {"fees"}
    lines = b"".join(api.get("breaks.csv", open="false").streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 3
    explained = api.post("breaks/resolve", {"ids": [hidden], "reason": "x"})
    assert explained.status_code == 404
