"""Exercise, assignment and expiry: the option goes, the underlying comes at the strike, cash follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import BrokerAccount, CashBalance, Position
from orders.models import Execution, Order, PositionEvent
from orders.reconciliation import baseline
from orders.reconciliation.strategies.rows import strategy_rows
from orders.reports.daily.corporate_actions import expected, happened
from orders.reports.daily.report_day import ReportDay
from tests.integration.statements.conftest import AAPL, ACCOUNT, DAY, flex, open_breaks, read

Booked = Callable[..., Execution]
CALL = 7001
Row = tuple[str, dict[str, Any]]


@pytest.fixture
def books(executed: Booked, order: Order) -> None:
    """2 calls bought at 3 by the strategy `vol`, since a week in an account that had 10,000 USD."""
    facts = {"account_id": ACCOUNT, "reported_at": timezone.now()}
    CashBalance.objects.create(currency="USD", amount=0, baseline_amount=10_000, **facts)
    Position.objects.create(con_id=CALL, symbol="AAPL", sec_type="OPT", position_qty=0, avg_cost=1, **facts)
    began = datetime(2026, 11, 12, 15, tzinfo=UTC)
    BrokerAccount.objects.update(baseline_at=began, baseline_execution=0)
    Order.objects.filter(pk=order.pk).update(strategy="vol")
    bought = {"con_id": CALL, "sec_type": "OPT", "last_qty": Decimal(2), "last_px": Decimal(3)}
    executed(**bought, multiplier=Decimal(100))


def option(**said: Any) -> dict[str, Any]:
    row = {"conid": CALL, "symbol": "AAPL  261120C00200000", "assetCategory": "OPT", "currency": "USD"}
    row |= {
        "multiplier": "100",
        "quantity": "-2",
        "tradePrice": "0",
        "underlyingConid": AAPL,
        "tradeID": "71",
    }
    return row | {"fifoPnlRealized": "-601"} | said


def stock(**said: Any) -> dict[str, Any]:
    row = {"conid": AAPL, "symbol": "AAPL", "assetCategory": "STK", "currency": "USD", "multiplier": "1"}
    return row | {"quantity": "200", "tradePrice": "200", "tradeID": "72"} | said


def eae(kind: str, leg: dict[str, Any]) -> Row:
    return "OptionEAE", leg | {"transactionType": kind, "date": "20261120"}


def trade(code: str, leg: dict[str, Any]) -> Row:
    facts = {"transactionType": "BookTrade", "notes": code, "tradeDate": "20261120", "ibExecID": ""}
    return "Trade", leg | facts | {"transactionID": f"t{leg['tradeID']}"}


def ours() -> dict[int, Decimal]:
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    traded = baseline.quantities(ACCOUNT, baseline.traded_since_baseline(account))
    return {con_id: quantity for (_, con_id), quantity in traded.items() if quantity}


def cash() -> Decimal:
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    moved = baseline.cash(ACCOUNT, baseline.traded_since_baseline(account))
    return 10_000 + sum(moved.values(), Decimal(0))


EXERCISED = {"OptionEAE": [eae("Exercise", option()), eae("Buy", stock())]}
AS_TRADES = {"Trades": [trade("Ex", option()), trade("Ex", stock())]}
EXPIRED = {"OptionEAE": [eae("Expiration", option())]}


@pytest.mark.parametrize("sections", [EXERCISED, AS_TRADES, EXERCISED | AS_TRADES])
def test_an_exercise_gives_the_underlying_at_the_strike(books: None, sections: dict[str, list[Row]]) -> None:
    for made in ("20261121;050000", "20261121;060000"):
        read(flex(sections, made=made))
    assert (ours(), cash()) == ({AAPL: 200}, 10_000 - 601 - 40_000)


def test_an_option_that_expires_is_gone_and_costs_nothing(books: None) -> None:
    read(flex(EXPIRED))
    assert (ours(), cash(), PositionEvent.objects.get().realized_pnl) == ({}, 10_000 - 601, -601)


def test_an_assignment_and_a_cash_settlement_are_told_as_what_they_are(books: None) -> None:
    settled = option(proceeds="1500")
    read(flex({"OptionEAE": [eae("Cash Settlement", settled)]}))
    assert (cash(), PositionEvent.objects.get().kind) == (10_000 - 601 + 1500, "CASH_SETTLEMENT")


def test_the_strategy_that_held_it_gets_the_underlying(books: None) -> None:
    read(flex(EXERCISED))
    facts = {"account_id": ACCOUNT, "avg_cost": 1, "reported_at": timezone.now(), "currency": "USD"}
    Position.objects.create(con_id=AAPL, symbol="AAPL", sec_type="STK", position_qty=200, **facts)
    rows = {(row.strategy, row.con_id): row for row in strategy_rows([ACCOUNT])}
    held = rows[("vol", AAPL)]
    assert (held.position_qty, held.avg_px, rows[("vol", CALL)].position_qty) == (200, 200, 0)
    assert rows[("vol", CALL)].realized == -601
    assert strategy_rows([ACCOUNT], con_id=AAPL)[0].position_qty == 200


def test_positions_of_that_evening_agree_with_the_event_counted(books: None) -> None:
    read(flex(EXPIRED | {"OpenPositions": []}))
    assert open_breaks() == []


def test_an_event_of_before_the_account_was_seen_changes_nothing(books: None) -> None:
    BrokerAccount.objects.update(baseline_at=datetime(2026, 11, 21, 15, tzinfo=UTC), baseline_execution=10**9)
    read(flex(EXPIRED))
    assert (ours(), PositionEvent.objects.get().quantity_in_baseline) == ({}, True)


def test_reports_of_the_day_show_what_happened(books: None) -> None:
    read(flex(EXERCISED))
    asked = ReportDay(account=BrokerAccount.objects.get(pk=ACCOUNT), day=DAY, zone="UTC")
    rows = [(row["kind"], row["con_id"], row["quantity"], row["amount"]) for row in happened(asked)]
    assert rows == [("EXERCISE", CALL, "-2", "0"), ("EXERCISE", AAPL, "200", "-40000")]
    assert len(expected(asked)) == 2
