"""Strategies' books: what their orders did, what was moved, and a rest that makes the sums the broker's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from brokers.models import BrokerAccount, Instrument, Position, Profit
from orders.controls.books.strategy_transfers import TransferInvalid, WantedTransfer, propose_transfer
from orders.controls.persons.approvals import ApprovalOver, OwnApproval, approve
from orders.models import Approval, Execution, Order, StrategyTransfer
from orders.reconciliation.strategies.rows import strategy_rows
from tests.integration.persons import person
from tests.integration.statements.conftest import AAPL, ACCOUNT, executed, order

__all__ = ["executed", "order"]
Booked = Callable[..., Execution]


@pytest.fixture
def traded(order: Order, executed: Booked) -> Callable[..., Execution]:
    """Book an execution of an order of this strategy."""

    def book(strategy: str, quantity: int, px: str, **facts: Any) -> Execution:
        number = Execution.objects.count() + 1
        side = "BUY" if quantity > 0 else "SELL"
        facts = {"exec_id": f"e{number}.01.01", "side": side, "commission": Decimal(1)} | facts
        row = executed(last_qty=Decimal(abs(quantity)), last_px=Decimal(px), **facts)
        other = Order.objects.get(pk=order.pk)
        other.pk, other.cl_ord_id, other.order_ref = uuid4(), f"s-{number}", f"r-{number}"
        other.strategy = strategy
        other.save(force_insert=True)
        Execution.objects.filter(pk=row.pk).update(order=other)
        return row

    return book


def holds(quantity: int, con_id: int = AAPL, **profit: Any) -> None:
    facts = {"position_qty": quantity, "symbol": "AAPL", "sec_type": "STK", "currency": "USD"}
    facts |= {"avg_cost": 1, "reported_at": timezone.now()}
    Position.objects.update_or_create(account_id=ACCOUNT, con_id=con_id, defaults=facts)
    if profit:
        Profit.objects.create(account_id=ACCOUNT, con_id=con_id, reported_at=timezone.now(), **profit)


def shown() -> list[tuple[str, str, str | None, str | None]]:
    def text(value: Decimal | None) -> str | None:
        return None if value is None else f"{value.normalize():f}"

    return [
        (row.strategy, f"{row.position_qty.normalize():f}", text(row.realized), text(row.unrealized))
        for row in strategy_rows([ACCOUNT])
    ]


def test_each_strategy_has_its_own_position_and_profit(traded: Booked) -> None:
    traded("momentum", 10, "200")
    traded("momentum", -4, "210")
    traded("pairs", -5, "220")
    holds(1, value=Decimal(230), unrealized=Decimal(30))
    assert shown()[:2] == [("momentum", "6", "38", "180"), ("pairs", "-5", "-1", "-50")]


def test_a_rest_of_nothing_is_no_row(traded: Booked) -> None:
    traded("momentum", 10, "200", realized_pnl=Decimal(-1))
    holds(10, value=Decimal(2000), unrealized=Decimal(0))
    assert shown() == [("momentum", "10", "-1", "0")]


@pytest.mark.parametrize("there", [0, 7, -12, 300])
def test_rows_add_up_to_the_brokers_figures_whatever_it_holds(traded: Booked, there: int) -> None:
    traded("momentum", 10, "200.5", realized_pnl=Decimal("3.25"))
    traded("", 3, "201", realized_pnl=Decimal("-1.5"))
    traded("pairs", -8, "199.75")
    holds(there, value=Decimal(there * 205), unrealized=Decimal("17.5"))
    rows = strategy_rows([ACCOUNT])
    unrealized = Decimal("17.5") if there else Decimal(0)
    assert sum(row.position_qty for row in rows) == there == rows[0].account_qty
    assert sum(row.realized or 0 for row in rows) == Decimal("1.75")
    assert sum(row.unrealized or 0 for row in rows) == unrealized


def test_what_no_strategy_traded_is_the_rest(traded: Booked) -> None:
    traded("", 10, "200")
    holds(110)
    (row,) = strategy_rows([ACCOUNT])
    assert (row.strategy, row.position_qty) == ("", 110)


def test_the_rest_says_what_of_it_nobody_can_explain(traded: Booked) -> None:
    traded("momentum", 10, "200")
    holds(115)
    Position.objects.update(baseline_qty=100)
    BrokerAccount.objects.filter(pk=ACCOUNT).update(baseline_at=timezone.now(), baseline_execution=0)
    rest = strategy_rows([ACCOUNT])[-1]
    assert (rest.strategy, rest.position_qty, rest.difference) == ("", 105, 5)


def test_a_commission_that_is_not_known_leaves_the_profit_unknown(traded: Booked) -> None:
    traded("momentum", 10, "200", commission=None)
    traded("pairs", 10, "200", commission_currency="CHF")
    assert [row.realized for row in strategy_rows([ACCOUNT])[:2]] == [None, None]


def test_a_corrected_execution_counts_once_as_corrected(traded: Booked) -> None:
    first = traded("momentum", 10, "200")
    Execution.objects.filter(pk=first.pk).update(superseded=True)
    traded("momentum", 4, "200")
    holds(4)
    assert shown()[0][:2] == ("momentum", "4")


def test_the_order_of_executions_changes_no_profit(traded: Booked) -> None:
    for strategy, steps in {"a": (5, -3, 4, -6), "b": (-6, 4, -3, 5)}.items():
        for step in steps:
            traded(strategy, step, "200" if step > 0 else "207.5")
    Instrument.objects.filter(con_id=AAPL).update(last_px=210)
    a, b = strategy_rows([ACCOUNT])[:2]
    assert (a.realized, a.unrealized, a.position_qty) == (b.realized, b.unrealized, 0)


# --- transfers ----------------------------------------------------------------------------------------------
def wanted(**said: Any) -> WantedTransfer:
    facts = {"account": ACCOUNT, "con_id": AAPL, "from_strategy": "momentum", "to_strategy": "pairs"}
    return WantedTransfer(**{**facts, "quantity": Decimal(4), "price": Decimal(205), **said})


def ask(**said: Any) -> Approval:
    return propose_transfer(wanted(**said), actor=person("maker"), reason="ends")


def quantities() -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in strategy_rows([ACCOUNT]):
        found[row.strategy] += row.position_qty
    return dict(found)


def test_a_transfer_is_booked_when_a_second_person_agrees(traded: Booked, settings: Any) -> None:
    settings.FOUR_EYES = frozenset()  # no setting of a desk of one person lets one do it alone
    traded("momentum", 10, "200")
    holds(10)
    asked = ask()
    with pytest.raises(OwnApproval):
        approve(asked.pk, actor=person("maker"), reason="mine")
    assert quantities() == {"momentum": 10}
    approve(asked.pk, actor=person("checker"), reason="seen")
    row = StrategyTransfer.objects.get()
    assert quantities() == {"momentum": 6, "pairs": 4}
    assert (row.made_by, row.approved_by) == ("desk:maker", "desk:checker")


def test_a_transfer_moves_profit_at_its_price_and_makes_none(traded: Booked) -> None:
    traded("momentum", 10, "200", commission=Decimal(0))
    holds(10, value=Decimal(2100), unrealized=Decimal(100))
    approve(ask().pk, actor=person("checker"), reason="seen")
    assert shown() == [("momentum", "6", "20", "60"), ("pairs", "4", "0", "20")]


def test_a_short_position_and_the_rest_can_be_moved_too(traded: Booked) -> None:
    traded("momentum", -10, "200")
    holds(5)
    approve(ask().pk, actor=person("checker"), reason="seen")
    approve(ask(from_strategy="", to_strategy="momentum").pk, actor=person("checker"), reason="seen")
    assert quantities() == {"momentum": -2, "pairs": -4, "": 11}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"quantity": Decimal(11)}, "quantity"),
        ({"quantity": Decimal(0)}, "quantity"),
        ({"quantity": Decimal(-1)}, "quantity"),
        ({"from_strategy": "nobody"}, "quantity"),
        ({"from_strategy": "", "to_strategy": "pairs"}, "quantity"),
        ({"to_strategy": "momentum"}, "to_strategy"),
        ({"con_id": 1}, "con_id"),
        ({"price": None}, "price"),
    ],
)
def test_what_cannot_be_moved_is_refused_by_field(traded: Booked, said: dict[str, Any], field: str) -> None:
    traded("momentum", 10, "200")
    holds(10)
    Instrument.objects.update(last_px=None)
    with pytest.raises(TransferInvalid) as refused:
        ask(**said)
    assert (refused.value.field, Approval.objects.count()) == (field, 0)


def test_what_was_sold_meanwhile_is_not_moved(traded: Booked) -> None:
    traded("momentum", 10, "200")
    holds(10)
    asked = ask(quantity=Decimal(10))
    traded("momentum", -1, "200")
    with pytest.raises(ApprovalOver, match="momentum holds 9 now"):
        approve(asked.pk, actor=person("checker"), reason="seen")
    assert not StrategyTransfer.objects.exists()


def test_of_two_transfers_of_the_same_only_one_is_booked(traded: Booked) -> None:
    traded("momentum", 10, "200")
    holds(10)
    first, second = ask(quantity=Decimal(8)), ask(quantity=Decimal(8))
    approve(first.pk, actor=person("checker"), reason="seen")
    with pytest.raises(ApprovalOver):
        approve(second.pk, actor=person("checker"), reason="seen")
    assert quantities() == {"momentum": 2, "pairs": 8}
