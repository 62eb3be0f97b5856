"""Strategies at the desk: the rows, and a transfer that another person approves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from brokers.models import Position
from orders.models import Approval, DeskProfile
from tests.integration.api.conftest import ACCOUNT
from tests.integration.api.test_trading_states import hold

Person = Callable[..., Client]
LOOKS = ("brokers.view_position",)
MOVES = (*LOOKS, "orders.change_accountlimit")


@pytest.fixture
def con_id(desk: None) -> int:
    """Of 100 that no strategy bought."""
    hold(100)
    return Position.objects.get().con_id


def move(client: Client, con_id: int, **said: str) -> str:
    form = {"account": ACCOUNT, "con_id": str(con_id), "to_strategy": "pairs", "quantity": "40"}
    answer = client.post(reverse("desk:strategies"), {**form, "price": "205", "reason": "owner", **said})
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


def test_a_transfer_asked_for_at_the_desk_waits_for_another(person: Person, con_id: int) -> None:
    client = person(*MOVES)
    assert move(client, con_id) == "303"
    assert Approval.objects.get().state == "WAITING"
    page = client.get(reverse("desk:strategies")).content.decode()
    assert "the rest" in page
    assert "waits for a second person" in page


def test_what_cannot_be_moved_is_said_at_its_field(person: Person, con_id: int) -> None:
    assert "the rest holds 100, which is not so much" in move(person(*MOVES), con_id, quantity="101")
    assert not Approval.objects.exists()


def test_who_only_looks_has_no_form_and_moves_nothing(person: Person, con_id: int) -> None:
    viewer = person(*LOOKS)
    assert "Move" not in viewer.get(reverse("desk:strategies")).content.decode().split("content")[-1]
    assert move(viewer, con_id) == "403"


def test_strategies_of_other_peoples_accounts_do_not_exist(person: Person, con_id: int) -> None:
    client = person(*MOVES)
    DeskProfile.objects.get(user_id=client.session["_auth_user_id"]).accounts.clear()
    assert "Nothing is held" in client.get(reverse("desk:strategies")).content.decode()
    move(client, con_id)
    assert not Approval.objects.exists()
