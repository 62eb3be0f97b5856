"""Strategies by API: what each holds, of own accounts only, and moving a position with a second person."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import Position
from orders.models import Approval, StrategyTransfer
from tests.integration.api.conftest import ACCOUNT, OTHER, Api
from tests.integration.api.test_trading_states import hold
from tests.integration.api.test_two_persons import by_token, person


@pytest.fixture
def held(desk: None) -> int:
    """100 of a contract that no strategy bought; its number."""
    hold(100)
    return Position.objects.get().con_id


def move(number: int, **said: Any) -> dict[str, Any]:
    wanted = {"account": ACCOUNT, "con_id": number, "to_strategy": "pairs", "quantity": "40", "price": "205"}
    return {**wanted, "reason": "found its owner", **said}


def test_a_position_is_moved_when_a_second_token_approves(held: int) -> None:
    maker, checker = by_token(person("maker", "risk")), by_token(person("checker", "risk"))
    asked = maker.post("strategies/transfers", move(held))
    assert (asked.status_code, asked.json()["kind"], asked.json()["own"]) == (202, "TRANSFER", True)
    assert maker.get("strategies").json()["results"][0]["strategy"] is None
    approved = checker.post(f"approvals/{asked.json()['id']}/approve", {"reason": "seen"})
    assert (approved.status_code, approved.json()["state"]) == (200, "APPROVED")
    rows = maker.get("strategies").json()["results"]
    assert [(row["strategy"], row["position_qty"], row["account_qty"]) for row in rows] == [
        ("pairs", "40", "100"),
        (None, "60", "100"),
    ]
    assert [row["strategy"] for row in maker.get("strategies?strategy=pairs").json()["results"]] == ["pairs"]


def test_strategies_of_other_accounts_are_not_shown(held: int) -> None:
    api = by_token(person("maker", "risk"))
    assert api.get(f"strategies?account={OTHER}").json()["results"] == []
    assert len(api.get(f"strategies?account={ACCOUNT}&con_id={held}").json()["results"]) == 1
    assert api.get(f"strategies?con_id={held + 1}").json()["results"] == []


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"quantity": "101"}, "quantity"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "NaN"}, "quantity"),
        ({"to_strategy": None}, "to_strategy"),
        ({"to_strategy": " x"}, "to_strategy"),
        ({"con_id": 999_999}, "con_id"),
        ({"price": "1e400"}, "price"),
        ({"reason": ""}, "reason"),
        ({"account": None}, "account"),
    ],
)
def test_a_transfer_that_makes_no_sense_names_the_field(held: int, said: dict[str, Any], field: str) -> None:
    answer = by_token(person("maker", "risk")).post("strategies/transfers", move(held, **said))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not Approval.objects.filter(kind="TRANSFER").exists()


def test_without_the_scope_or_the_account_nothing_is_asked(held: int, api: Api) -> None:
    assert api.post("strategies/transfers", move(held)).status_code == 403
    boss = by_token(person("maker", "risk"))
    assert boss.post("strategies/transfers", move(held, account="DU0000000")).status_code in (400, 403)
    assert not StrategyTransfer.objects.exists()
