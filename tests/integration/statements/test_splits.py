"""Splits: a ratio that positions, lots and profits count when they are read; executions stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import BrokerAccount, CashBalance, Position
from orders.controls.books.splits import SplitInvalid, WantedSplit, request_split
from orders.controls.persons.approvals import ApprovalOver, OwnApproval, approve
from orders.models import Approval, Break, BreakKind, Execution, PositionEvent, Split
from orders.reconciliation import baseline, breaks, corporate_actions
from orders.reconciliation.breaks import Finding
from tests.integration.persons import person
from tests.integration.statements.conftest import AAPL, ACCOUNT, DAY, flex, open_breaks, read

Booked = Callable[..., Execution]
NEW = 999


@pytest.fixture
def books(executed: Booked) -> Booked:
    """100 AAPL and 10,000 USD since a week before DAY, and an execution of 10 the day before it."""
    before = datetime(2026, 11, 12, 15, tzinfo=UTC)
    facts = {"account_id": ACCOUNT, "reported_at": timezone.now()}
    Position.objects.create(con_id=AAPL, symbol="AAPL", position_qty=0, baseline_qty=100, **facts)
    CashBalance.objects.create(currency="USD", amount=0, baseline_amount=10_000, **facts)
    BrokerAccount.objects.update(baseline_at=before, baseline_execution=0)
    executed(trade_date=date(2026, 11, 19))
    return executed


def action(kind: str, text: str, quantity: str, **said: Any) -> tuple[str, dict[str, Any]]:
    row = {"type": kind, "symbol": "AAPL", "conid": AAPL, "quantity": quantity, "transactionID": "55"}
    row |= {"actionID": "9", "description": text, "reportDate": f"{DAY:%Y%m%d}", "currency": "USD"}
    return "CorporateAction", row | said


def split(text: str = "AAPL(US0378331005) SPLIT 4 FOR 1 (AAPL)", quantity: str = "330") -> None:
    read(flex({"CorporateActions": [action("FS", text, quantity)]}))


def enter(numerator: int, denominator: int, ex_date: date = DAY, new: int = AAPL) -> Split:
    row = Split(con_id=AAPL, new_con_id=new, symbol="AAPL", ex_date=ex_date, source="test", entered_by="test")
    row.numerator, row.denominator = numerator, denominator
    return corporate_actions.enter(row)


def ours(con_id: int = AAPL) -> Decimal:
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    traded = baseline.quantities(ACCOUNT, baseline.traded_since_baseline(account))
    at_first = sum(Position.objects.filter(con_id=con_id).values_list("baseline_qty", flat=True), Decimal(0))
    return at_first + traded.get((ACCOUNT, con_id), Decimal(0))


def test_a_split_of_a_statement_is_two_whole_numbers_and_counts_from_its_day(books: Booked) -> None:
    split()
    row = Split.objects.get()
    assert (row.numerator, row.denominator, row.ex_date, ours()) == (4, 1, DAY, 440)
    books(exec_id="0000e9.01.01", trade_date=DAY)
    assert ours() == 450


def test_an_execution_of_before_that_comes_late_counts_as_one_in_time(books: Booked) -> None:
    split()
    books(exec_id="0000e9.01.01", trade_date=date(2026, 11, 18))
    assert ours() == 480


def test_executions_stay_as_they_were_made(books: Booked) -> None:
    split()
    assert list(Execution.objects.values_list("last_qty", "last_px")) == [(10, 200)]


def test_evenings_before_a_split_are_in_the_units_of_then(books: Booked) -> None:
    split()
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    evenings = [baseline.quantities_on(account, date(2026, 11, day))[AAPL] for day in (18, 19, 20)]
    assert evenings == [100, 110, 440]


@pytest.mark.parametrize("ratio", [(1, 3), (3, 2), (1, 7), (10, 1), (1, 10)])
def test_any_ratio_is_exact_to_the_last_digit(books: Booked, ratio: tuple[int, int]) -> None:
    enter(*ratio)
    assert ours() == round(110 * Fraction(*ratio) * 10**10) / Decimal(10**10)


def test_two_splits_follow_each_other(books: Booked) -> None:
    enter(4, 1, date(2026, 11, 18))
    enter(1, 2)
    assert ours() == (100 * 4 + 10) / 2


def test_a_split_before_the_baseline_is_in_it(books: Booked) -> None:
    enter(4, 1, date(2026, 11, 12))
    assert ours() == 110


def test_a_reverse_split_that_changes_the_id_moves_the_position(books: Booked) -> None:
    old = action("RS", "SPLIT 1 FOR 10", "-110", symbol="AAPL.OLD")
    new = action("RS", "SPLIT 1 FOR 10", "11", conid=NEW, transactionID="56")
    read(flex({"CorporateActions": [new, old]}))
    assert (ours(), ours(NEW)) == (0, 11)


def test_a_fraction_paid_in_cash_is_gone_and_its_cash_is_there(books: Booked) -> None:
    books(exec_id="0000e9.01.01", last_qty=Decimal(5), trade_date=date(2026, 11, 19), commission=Decimal(0))
    read(flex({"CorporateActions": [action("RS", "SPLIT 1 FOR 10", "-104", proceeds="1000")]}))
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    assert (PositionEvent.objects.get().quantity, ours()) == (Decimal("-0.5"), 11)
    assert baseline.cash_on(account, DAY) == {"USD": 10_000 - 2001 - 1000 + 1000}


def test_a_fraction_sold_later_is_booked_from_its_trade(books: Booked) -> None:
    enter(1, 100)
    row = {"conid": AAPL, "symbol": "AAPL", "currency": "USD", "transactionType": "FracShare"}
    row |= {
        "quantity": "-0.1",
        "proceeds": "20",
        "tradeID": "7",
        "transactionID": "8",
        "tradeDate": "20261120",
    }
    for made in ("20261121;050000", "20261121;060000"):
        read(flex({"Trades": [("Trade", row)]}, made=made))
    assert (ours(), PositionEvent.objects.count()) == (1, 1)


@pytest.mark.parametrize("quantity", ["330", "-55", "110"])
def test_without_words_a_plain_ratio_is_taken_from_the_quantities(books: Booked, quantity: str) -> None:
    split("AAPL SPLITTED", quantity)
    assert ours() == 110 + Decimal(quantity)


@pytest.mark.parametrize(
    "row",
    [action("FS", "AAPL", "0.3"), action("TC", "SPLIT 4 FOR 1", "330"), action("FS", "SPLIT 0 FOR 1", "1")],
)
def test_what_is_no_plain_split_is_left_to_a_person(books: Booked, row: tuple[str, dict[str, Any]]) -> None:
    read(flex({"CorporateActions": [row]}))
    assert (Split.objects.count(), open_breaks()) == (0, ["ACTION 55"])


def test_two_sources_of_one_split_are_one_split(books: Booked) -> None:
    enter(4, 1, date(2026, 11, 19))
    split()
    assert Split.objects.count() == 1


def accept(gap: str) -> None:
    """A person takes the broker's figure of AAPL, which is so much more than ours."""
    ours = {"con_id": str(AAPL), "symbol": "AAPL", "sec_type": "STK", "currency": "USD", "expected": "110"}
    finding = Finding(
        kind=BreakKind.POSITION,
        key=f"{ACCOUNT} {AAPL}",
        account=ACCOUNT,
        text="differs",
        ours=ours,
        broker={"reported": str(110 + int(gap))},
    )
    breaks.record("main", [BreakKind.POSITION], [finding])
    breaks.resolve_break(Break.objects.get().pk, user=person("ops").user, reason="seen")


def test_a_split_that_a_person_accepted_as_a_difference_counts_once(books: Booked) -> None:
    accept("330")
    split()
    assert ours() == 440


def test_an_expiry_that_a_person_accepted_counts_once(books: Booked) -> None:
    accept("-110")
    row = {"transactionType": "Expiration", "conid": AAPL, "quantity": "-110", "date": "20261120"}
    read(flex({"OptionEAE": [("OptionEAE", row)]}))
    assert (ours(), PositionEvent.objects.get().quantity_in_baseline) == (0, True)


def test_an_old_split_joins_the_baseline_and_changes_nothing(books: Booked) -> None:
    BrokerAccount.objects.update(baseline_at=datetime(2026, 9, 1, 15, tzinfo=UTC))
    enter(4, 1, date(2026, 10, 1))
    before = ours()
    baseline.carry_forward()
    baseline.carry_forward()
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    assert (before, ours(), Position.objects.get().baseline_qty) == (410, 410, 410)
    assert baseline.quantities_on(account, date(2026, 9, 30))[AAPL] == 100


def test_a_split_by_hand_counts_when_a_second_person_agrees(books: Booked) -> None:
    maker, other = person("maker"), person("other")
    wanted = WantedSplit(con_id=AAPL, ex_date=DAY, numerator=3, denominator=2)
    asked = request_split(wanted, actor=maker, reason="notice of the company")
    assert (isinstance(asked, Approval), ours()) == (True, 110)
    with pytest.raises(OwnApproval):
        approve(asked.pk, actor=maker, reason="mine")
    approve(asked.pk, actor=other, reason="seen")
    row = Split.objects.get()
    assert (ours(), row.entered_by, row.approved_by) == (165, "desk:maker", "desk:other")


@pytest.mark.parametrize(("numbers", "con_id"), [((0, 1), AAPL), ((2, 2), AAPL), ((4, 1), 12345)])
def test_what_is_no_split_is_refused_in_words(books: Booked, numbers: tuple[int, int], con_id: int) -> None:
    wanted = WantedSplit(con_id=con_id, ex_date=DAY, numerator=numbers[0], denominator=numbers[1])
    with pytest.raises(SplitInvalid):
        request_split(wanted, actor=person("maker"), reason="why")


def test_a_split_that_a_statement_told_meanwhile_is_not_counted_twice(books: Booked) -> None:
    wanted = WantedSplit(con_id=AAPL, ex_date=DAY, numerator=4, denominator=1)
    asked = request_split(wanted, actor=person("maker"), reason="why")
    split()
    with pytest.raises(ApprovalOver):
        approve(asked.pk, actor=person("other"), reason="seen")
    assert ours() == 440
