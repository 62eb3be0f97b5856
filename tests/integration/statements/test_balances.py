"""Positions, cash and events of a statement against what our books say of that evening."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import BrokerAccount, CashBalance, Position
from orders.models import Break, BreakKind, Execution, Order
from orders.reconciliation import breaks
from orders.reconciliation.breaks import Finding
from tests.integration.statements.conftest import AAPL, ACCOUNT, flex, open_breaks, read, trade

Booked = Callable[..., Execution]


@pytest.fixture
def books(executed: Booked) -> Booked:
    """100 AAPL and 5,000 USD before; 10 bought that day, 20 the day after."""
    now = timezone.now()
    facts = {"account_id": ACCOUNT, "reported_at": now}
    Position.objects.create(
        con_id=AAPL, symbol="AAPL", position_qty=130, avg_cost=1, baseline_qty=100, **facts
    )
    CashBalance.objects.create(currency="USD", amount=0, baseline_amount=10_000, **facts)
    BrokerAccount.objects.update(baseline_at=now, baseline_execution=0)
    executed()
    executed(exec_id="0000e5.01.01", last_qty=Decimal(20), trade_date=date(2026, 11, 23))
    return executed


def position(**said: Any) -> tuple[str, dict[str, Any]]:
    row = {
        "accountId": ACCOUNT,
        "conid": AAPL,
        "symbol": "AAPL",
        "levelOfDetail": "SUMMARY",
        "position": "110",
    }
    return "OpenPosition", row | {"reportDate": "20261120", "currency": "USD"} | said


def cash(currency: str, amount: str) -> tuple[str, dict[str, Any]]:
    return "CashReportCurrency", {"accountId": ACCOUNT, "currency": currency, "endingCash": amount}


def test_balances_of_the_evening_are_those_of_that_evening(books: Booked) -> None:
    lots = position(levelOfDetail="LOT")
    report = [cash("USD", "7999"), cash("BASE_SUMMARY", "123")]
    read(flex({"OpenPositions": [position(), lots], "CashReport": report}))
    assert open_breaks() == []


def test_a_position_and_cash_that_differ_say_both_figures(books: Booked) -> None:
    read(flex({"OpenPositions": [position(position="90")], "CashReport": [cash("USD", "7900")]}))
    rows = Break.objects.order_by("key")
    assert open_breaks() == ["CASH USD", f"POSITION {AAPL}"]
    assert [(row.ours["expected"], row.broker["reported"]) for row in rows] == [
        ("7999", "7900"),
        ("110", "90"),
    ]


def test_a_section_that_is_not_there_proves_nothing_and_an_empty_one_does(books: Booked) -> None:
    read(flex({"CashReport": []}))
    assert open_breaks() == []
    read(flex({"OpenPositions": []}, made="20261121;060000"))
    assert open_breaks() == [f"POSITION {AAPL}"]


def test_a_corporate_action_is_shown_to_a_person(order: Order) -> None:
    split = {"type": "FS", "symbol": "AAPL", "conid": AAPL, "quantity": "300", "transactionID": "55"}
    (outcome,) = read(flex({"CorporateActions": [("CorporateAction", split)]}))
    assert (open_breaks(), "FS of AAPL: 300" in outcome.differences[0]) == (["ACTION 55"], True)


def test_a_movement_explains_the_break_of_its_position(order: Order) -> None:
    gap = Finding(
        kind=BreakKind.POSITION,
        key=f"{ACCOUNT} {AAPL}",
        account=ACCOUNT,
        text="differs",
        ours={"expected": "100"},
        broker={"reported": "95"},
    )
    breaks.record("main", [BreakKind.POSITION], [gap])
    expiry = {
        "transactionType": "Expiration",
        "conid": AAPL,
        "symbol": "AAPL",
        "quantity": "-5",
        "date": "20261120",
    }
    for made in ("20261121;050000", "20261121;060000"):
        read(flex({"OptionEAE": [("OptionEAE", expiry)]}, made=made))
    notes = Break.objects.get(kind=BreakKind.POSITION).notes.all()
    assert [note.text for note in notes] == ["The statement of 2026-11-20 explains it: Expiration of -5."]


@pytest.mark.parametrize(
    ("said", "report", "found"),
    [
        ({"ibCommission": "-3", "proceeds": "-2000"}, "7997", "TRADE 0000e1.01.01"),
        ({"quantity": 4, "proceeds": "-800"}, "9199", "TRADE 0000e1.01.01"),
        ({"ibExecID": "0000e9.01.01", "proceeds": "-2000"}, "7999", "ABSENT 0000e1.01.01,TRADE 0000e9.01.01"),
    ],
)
def test_a_trade_that_differs_is_not_told_of_the_balances_again(
    books: Booked, said: dict[str, Any], report: str, found: str
) -> None:
    row = trade(**said)
    listed = position(position=100 + int(row["quantity"]))
    sections = {"Trades": [("Trade", row)], "OpenPositions": [listed], "CashReport": [cash("USD", report)]}
    read(flex(sections))
    assert open_breaks() == found.split(",")
