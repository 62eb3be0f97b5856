"""What a page of orders has missed since its rows were read."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.integration.admin.test_people import member
from tests.integration.api.conftest import ACCOUNT, OTHER, placed
from tradedesk.stack.polling import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("desk", "groups")]


def place_in(page: str) -> str:
    """The place in the events that a page or answer carries: its stream begins where its rows were read."""
    (found,) = set(re.findall(r'data-place="(\d+-\d+)"', page))
    return str(found)


def missed(client: Client, after: str) -> str:
    """The answer to the question what happened after a place."""
    return client.get(reverse("desk:rows"), {"ids": "", "after": after}).content.decode()


def test_an_order_placed_after_the_rows_were_read_comes_once() -> None:
    trader = member("trader", ACCOUNT)
    before = place_in(trader.get(reverse("admin:orders_order_changelist")).content.decode())
    order = placed("late")
    answer = eventually(lambda: told if str(order.id) in (told := missed(trader, before)) else "")
    assert str(order.id) not in missed(trader, place_in(answer))


def test_an_order_of_another_account_is_not_reported() -> None:
    trader, hidden, order = member("trader", ACCOUNT), placed("a", account=OTHER), placed("b")
    answer = eventually(lambda: told if str(order.id) in (told := missed(trader, "0-0")) else "")
    assert str(hidden.id) not in answer


@pytest.mark.parametrize("after", ["", "now", "1-", "9" * 30 + "-1"])
def test_a_place_that_is_none_is_not_looked_for(after: str) -> None:
    assert "data-changed" not in missed(member("trader", ACCOUNT), after)
