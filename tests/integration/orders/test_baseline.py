"""Positions and cash: baseline plus executions since, corrections and late news included."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from brokers.messages import AccountValueReport, Snapshot
from brokers.models import BrokerAccount, CashBalance, Instrument, Position
from orders.models import Break, BreakKind, Execution, Order, Split
from orders.reconciliation import baseline, breaks, cash, positions
from orders.reconciliation.snapshots import compare_account
from tests.examples import examples
from tests.integration.orders.test_any_order import Story

ACCOUNT = "DU1234567"
OLD = timezone.now() - timedelta(days=3)
numbers = count(1)


@pytest.fixture
def order(db: None, settings: Any) -> Order:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("seed")
    Instrument.objects.filter(symbol="AAPL").update(
        con_id=265598, min_tick=Decimal("0.01"), last_px=200, last_px_at=timezone.now()
    )
    BrokerAccount.objects.update(baseline_at=OLD)
    return Story(User.objects.create_user("algo")).order


def executed(order: Order, side: str, quantity: int, px: str, **facts: Any) -> Execution:
    number = next(numbers)
    return Execution.objects.create(**{
        "order": order, "account_id": ACCOUNT, "exec_id": f"x{number}.01", "exec_root": f"x{number}",
        "con_id": 265598, "symbol": "AAPL", "sec_type": "STK", "currency": "USD", "side": side,
        "last_qty": Decimal(quantity), "last_px": Decimal(px), "transact_time": OLD, "received_at": OLD,
        "commission": Decimal(1), "commission_currency": "USD", **facts,
    })  # fmt: skip


def corrected(old: Execution, quantity: int) -> Execution:
    """The next version of an execution, as the broker corrects it."""
    old.superseded = True
    old.save()
    number = int(old.exec_id.rpartition(".")[2]) + 1
    new = Execution.objects.get(pk=old.pk)
    new.pk, new.exec_id, new.superseded = None, f"{old.exec_root}.{number:02}", False
    new.last_qty = Decimal(quantity)
    new.save()
    return new


def moved() -> tuple[Decimal, dict[str, Decimal]]:
    """(quantity of AAPL, cash by currency) by baseline plus executions since."""
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    traded = baseline.traded_since_baseline(account)
    quantity = sum(baseline.quantities(ACCOUNT, traded).values(), Decimal(0))
    quantity += sum(Position.objects.values_list("baseline_qty", flat=True), Decimal(0))
    amounts = {currency: amount for (_, currency), amount in baseline.cash(ACCOUNT, traded).items()}
    for row in CashBalance.objects.all():
        amounts[row.currency] = amounts.get(row.currency, Decimal(0)) + row.baseline_amount
    return quantity, {currency: amount for currency, amount in amounts.items() if amount}


def test_what_is_quoted_in_pence_is_paid_in_pounds(order: Order) -> None:
    Instrument.objects.filter(pk=order.instrument_id).update(price_magnifier=100)
    executed(order, "BUY", 100, "250")
    assert moved() == (100, {"USD": Decimal(-250 - 1)})


def test_shares_are_paid_for_with_commission(order: Order) -> None:
    executed(order, "BUY", 100, "10")
    executed(order, "SELL", 40, "11")
    assert moved() == (60, {"USD": Decimal(-1000 + 440 - 2)})


def test_a_split_counts_for_shares_and_not_for_cash(order: Order) -> None:
    executed(order, "BUY", 100, "10")
    facts = {"symbol": "AAPL", "source": "test", "ex_date": timezone.now().date(), "entered_by": "test"}
    Split.objects.create(con_id=265598, new_con_id=265598, numerator=2, denominator=1, **facts)
    assert moved() == (200, {"USD": Decimal(-1000 - 1)})


def test_an_option_counts_its_multiplier(order: Order) -> None:
    executed(order, "BUY", 2, "3.5", sec_type="OPT", multiplier=Decimal(100))
    assert moved()[1] == {"USD": Decimal(-701)}


def test_a_currency_pair_moves_both_currencies(order: Order) -> None:
    executed(order, "BUY", 1000, "1.1", sec_type="CASH", symbol="EUR")
    assert moved()[1] == {"USD": Decimal(-1101), "EUR": Decimal(1000)}


def test_a_future_moves_cash_only_by_what_it_realized(order: Order) -> None:
    executed(order, "BUY", 1, "5000", sec_type="FUT", multiplier=Decimal(50))
    executed(order, "SELL", 1, "5010", sec_type="FUT", multiplier=Decimal(50), realized_pnl=Decimal(496))
    assert moved()[1] == {"USD": Decimal(496)}


def test_a_combination_counts_by_its_legs(order: Order) -> None:
    executed(order, "BUY", 5, "2", sec_type="BAG")
    assert moved() == (0, {})


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["buy", "sell", "correct", "carry"]), max_size=12))
def test_carrying_the_baseline_forward_changes_no_sum(order: Order, steps: list[str]) -> None:
    reset()
    for step in steps:
        newest = Execution.objects.filter(superseded=False).order_by("id").first()
        if step == "carry":
            baseline.carry_forward()
        elif step == "correct" and newest:
            corrected(newest, 7)
        else:
            executed(order, "SELL" if step == "sell" else "BUY", 10, "3")
    counting = Execution.objects.filter(superseded=False)
    expected = sum((e.last_qty * (1 if e.side == "BUY" else -1) for e in counting), Decimal(0))
    assert moved()[0] == expected


def reset() -> None:
    Execution.objects.all().delete()
    Position.objects.all().delete()
    CashBalance.objects.all().delete()
    BrokerAccount.objects.update(baseline_execution=0)


def test_the_baseline_leaves_out_young_and_commissionless_executions(order: Order) -> None:
    first = executed(order, "BUY", 10, "3")
    executed(order, "BUY", 10, "3", commission=None)
    executed(order, "BUY", 10, "3", received_at=timezone.now())
    baseline.carry_forward()
    assert BrokerAccount.objects.get(pk=ACCOUNT).baseline_execution == first.pk


def shown(cash_usd: str) -> Snapshot:
    """A look at the broker that shows this cash."""
    now = timezone.now()
    values = (AccountValueReport(account=ACCOUNT, key="CashBalance", value=cash_usd, currency="USD"),)
    snapshot = Snapshot(
        accounts=("DU1234567",),
        snapshot_id=uuid4().hex, started_at=now, finished_at=now, connection_started_at=OLD, full=True,
        orders=(), executions=(), positions=(), account_values=values,
    )  # fmt: skip
    cash.store("main", snapshot)
    return snapshot


def test_unexplained_cash_is_a_break_a_person_can_accept(order: Order) -> None:
    executed(order, "BUY", 100, "10")
    Position.objects.create(
        account_id=ACCOUNT, con_id=265598, symbol="AAPL", sec_type="STK", currency="USD",
        position_qty=100, avg_cost=10, reported_at=OLD,
    )  # fmt: skip
    compare_account("main", shown("-996.00"))  # interest of 5 came
    row = Break.objects.get(kind=BreakKind.CASH)
    assert (row.ours["expected"], row.broker["reported"]) == ("-1001", "-996")
    user = User.objects.create_user("ops")
    user.user_permissions.add(Permission.objects.get(codename="resolve_break"))
    breaks.resolve_break(row.pk, user=User.objects.get(pk=user.pk), reason="interest")
    executed(order, "SELL", 100, "10")
    Position.objects.update(position_qty=0)
    assert all(run.ok for run in compare_account("main", shown("3.00")))


def test_half_a_cent_on_either_side_is_no_difference(order: Order) -> None:
    executed(order, "BUY", 1, "10.004")
    assert cash.differences("main", shown("-11.00"), set()) == ([], set())


def test_cash_that_the_snapshot_did_not_show_is_not_judged(order: Order) -> None:
    executed(order, "BUY", 100, "10")
    now = timezone.now()
    nothing = Snapshot(
        accounts=("DU1234567",),
        snapshot_id="s", started_at=now, finished_at=now, connection_started_at=OLD, full=True,
        orders=(), executions=(), positions=(), account_values=(),
    )  # fmt: skip
    assert cash.differences("main", nothing, set()) == ([], {f"{ACCOUNT} USD"})


def test_an_executed_position_missing_at_the_broker_is_a_break(order: Order) -> None:
    executed(order, "BUY", 100, "10")
    found, _ = positions.differences("main", set())
    assert [(one.ours["expected"], one.broker["reported"]) for one in found] == [("100", "0")]
