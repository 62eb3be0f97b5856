"""Splits at the desk: which count, and one that a person enters and another approves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from brokers.models import Position
from orders.models import Approval, DeskProfile, Split
from tests.integration.api.test_trading_states import hold

Person = Callable[..., Client]
LOOKS = ("brokers.view_position",)
ENTERS = (*LOOKS, "orders.resolve_break")


@pytest.fixture
def con_id(desk: None) -> int:
    """Of a contract that the account holds."""
    hold(100)
    return Position.objects.get().con_id


def enter(client: Client, contract: int, **said: str) -> str:
    form = {"con_id": str(contract), "ex_date": "2026-11-20", "numerator": "4", "denominator": "1"}
    answer = client.post(reverse("desk:splits"), {**form, "reason": "the company's notice", **said})
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


def shown(client: Client) -> str:
    return client.get(reverse("desk:splits")).content.decode()


def test_a_split_entered_at_the_desk_waits_for_another_person(person: Person, con_id: int) -> None:
    client = person(*ENTERS)
    assert enter(client, con_id) == "303"
    assert Approval.objects.get().state == "WAITING"
    assert "waits for a second person" in shown(client)
    assert not Split.objects.exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"numerator": "1"}, "That changes nothing."),
        ({"numerator": "0"}, "greater than or equal to 1"),
        ({"denominator": "1.5"}, "Enter a whole number."),
        ({"con_id": "77"}, "Select a valid choice."),
        ({"ex_date": "soon"}, "Enter a valid date."),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_what_is_no_split_is_said_and_nothing_waits(
    person: Person, con_id: int, said: dict[str, str], words: str
) -> None:
    assert words in enter(person(*ENTERS), con_id, **said)
    assert not Approval.objects.exists()


def test_who_only_looks_sees_splits_and_enters_none(person: Person, con_id: int) -> None:
    Split.objects.create(
        con_id=con_id, new_con_id=con_id, symbol="AAPL", ex_date="2026-11-20", numerator=3, denominator=2
    )
    viewer = person(*LOOKS)
    assert "3 for 2" in shown(viewer)
    assert "Enter the split" not in shown(viewer)
    assert enter(viewer, con_id) == "403"


def test_splits_of_other_peoples_contracts_are_not_shown(person: Person, con_id: int) -> None:
    client = person(*ENTERS)
    DeskProfile.objects.get(user_id=client.session["_auth_user_id"]).accounts.clear()
    assert "No split of a contract of your accounts" in shown(client)
    assert "Enter the split" not in shown(client)
    enter(client, con_id)
    assert not Approval.objects.exists()
