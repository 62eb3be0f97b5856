"""Breaks: written by comparisons, closed by two that agree or by a person who says why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import Error, transaction
from django.test import Client

from orders.models import Alert, AlertKind, Break, BreakKind, BreakNote
from orders.reconciliation import breaks
from orders.reconciliation.breaks import BreakClosed, Finding, NotAllowed, ReasonNeeded


@pytest.fixture
def person(db: None, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("seed")
    user = User.objects.create_user("ops")
    user.user_permissions.add(Permission.objects.get(codename="resolve_break"))
    return User.objects.get(pk=user.pk)


def missing(quantity: str = "100") -> Finding:
    evidence = {"last_qty": quantity}
    return Finding(kind=BreakKind.EXECUTION, key="e.1", text="differs", account="DU1234567", broker=evidence)


def compare(*found: Finding, not_judged: tuple[str, ...] = ()) -> list[Finding]:
    return breaks.record("main", [BreakKind.EXECUTION], found, not_judged)


def test_a_difference_is_one_break_however_often_it_is_seen(person: User) -> None:
    for _ in range(3):
        compare(missing())
    row = Break.objects.get()
    assert (row.times, row.agreeing_runs, row.closed_at) == (3, 0, None)
    assert row.first_seen < row.last_seen


def test_only_two_agreeing_runs_in_a_row_close_it(person: User) -> None:
    for found in ([missing()], [], [missing()], []):
        compare(*found)
    assert Break.objects.get().closed_at is None
    compare()
    row = Break.objects.get()
    assert (row.closed_by, row.notes.get().act) == ("system", "CLOSED")


def test_a_run_that_could_not_judge_it_neither_agrees_nor_differs(person: User) -> None:
    compare(missing())
    for _ in range(3):
        compare(not_judged=("e.1",))
    row = Break.objects.get()
    assert (row.times, row.agreeing_runs) == (1, 0)


def test_a_comparison_of_another_kind_does_not_touch_it(person: User) -> None:
    compare(missing())
    for _ in range(3):
        breaks.record("main", [BreakKind.CASH], [])
    assert Break.objects.get().agreeing_runs == 0


def test_one_that_stays_is_an_alert_until_it_is_closed(person: User) -> None:
    compare(missing())
    assert not Alert.objects.exists()
    compare(missing())
    assert Alert.objects.get(kind=AlertKind.BREAK).cleared_at is None
    compare()
    compare()
    assert Alert.objects.get(kind=AlertKind.BREAK).cleared_at


def test_a_person_owns_notes_and_resolves_and_all_of_it_stays(person: User) -> None:
    compare(missing())
    key = Break.objects.get().pk
    breaks.own_break(key, user=person)
    breaks.note_break(key, user=person, text="asked the broker")
    row = breaks.resolve_break(key, user=person, reason="busted, see mail")
    assert (row.owner, row.closed_by, row.resolution) == (person, "desk:ops", "busted, see mail")
    assert [note.act for note in row.notes.all()] == ["OWNED", "NOTE", "RESOLVED"]
    with pytest.raises(BreakClosed):
        breaks.note_break(key, user=person, text="late")


def test_an_accepted_break_returns_only_when_its_evidence_changes(person: User) -> None:
    compare(missing())
    breaks.resolve_break(Break.objects.get().pk, user=person, reason="known")
    assert compare(missing()) == []
    assert len(compare(missing("200"))) == 1
    assert Break.objects.filter(closed_at=None).count() == 1


def test_without_the_right_or_a_reason_nothing_is_changed(person: User) -> None:
    compare(missing())
    key = Break.objects.get().pk
    with pytest.raises(NotAllowed):
        breaks.resolve_break(key, user=User.objects.create_user("guest"), reason="because")
    with pytest.raises(ReasonNeeded):
        breaks.resolve_break(key, user=person, reason=" ")
    assert Break.objects.get().closed_at is None


def test_the_database_refuses_to_change_a_note(person: User) -> None:
    compare(missing())
    breaks.note_break(Break.objects.get().pk, user=person, text="first")
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        BreakNote.objects.update(text="other")


def test_open_breaks_are_in_the_metrics_by_kind(person: User) -> None:
    compare(missing())
    text = Client().get("/metrics").content.decode()
    assert 'tradedesk_breaks_open{kind="EXECUTION"} 1.0' in text
    assert 'tradedesk_breaks_oldest_seconds{kind="EXECUTION"}' in text
