"""Odd words and figures of a broker: one of them spoils nothing beside it, and ids stay what they are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from uuid_utils.compat import uuid7

from brokers.inbox.writer import InboxWriter
from brokers.market import ProfitReport
from brokers.messages import (
    AccountValueReport,
    InstrumentRef,
    OrderIdentity,
    OrderReport,
    PositionReport,
    Snapshot,
    WorkingStatus,
)
from brokers.models import AccountValue, BrokerAccount, CashBalance, Position, Profit, ProfitPoint
from brokers.port import InboundMessage
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.models import Alert, Break, Execution, Order, State
from orders.reconciliation import account_values, cash, comparison, positions, profits
from orders.reconciliation.evidence import SnapshotEvidence
from orders.sending.absence import PATIENCE, Doubt
from tests.integration.orders.test_any_order import AAPL, desk
from tests.integration.orders.test_attribution import OURS, books, execution, external, open_order, sent, tell

__all__ = ["desk", "sent"]
ACCOUNT, HUGE = "DU1234567", Decimal("1e30")
LONG = "0001f4e8." * 9


def snapshot(**facts: Any) -> Snapshot:
    now = timezone.now()
    shown: dict[str, Any] = {
        "accounts": (ACCOUNT,), "orders": (), "executions": (), "positions": (), "account_values": (),
        **facts,
    }  # fmt: skip
    return Snapshot(
        snapshot_id=uuid4().hex,
        started_at=now,
        finished_at=now,
        connection_started_at=now,
        full=True,
        **shown,
    )


def held(con_id: int, quantity: Decimal | None, **facts: Any) -> PositionReport:
    ref = msgspec.structs.replace(AAPL, con_id=con_id, **facts)
    return PositionReport(account=ACCOUNT, instrument=ref, position_qty=quantity, avg_cost=Decimal(1))


# --- executions ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("root", [LONG, "a b", "", "...", "plain"], ids=repr)
@pytest.mark.parametrize("later_first", [True, False])
def test_a_correction_replaces_its_execution_whatever_the_id(
    sent: Order, root: str, later_first: bool
) -> None:
    roots = [f"{root}{number}" for number in range(3)]
    versions = [(f"{one}.{version}", n) for version, n in (("01", 3), ("02", 2), ("10", 1)) for one in roots]
    for exec_id, quantity in reversed(versions) if later_first else versions:
        tell(execution(OURS, exec_id, last_qty=Decimal(quantity)))
    assert books(sent)[1] == 3


def test_a_long_execution_id_is_no_difference_to_the_broker(sent: Order) -> None:
    fill = execution(OURS, f"{LONG}.01", last_px=Decimal("230.123456789012"))
    early = execution(OURS, "a.01", last_qty=Decimal(0), transact_time=timezone.now() - timedelta(minutes=1))
    tell(early, fill)
    assert not comparison.executions("main", snapshot(executions=(early, fill)))


@pytest.mark.parametrize("said", ["1e13", "1e-9", "Infinity", "NaN", "0"])
def test_a_multiplier_that_no_column_holds_loses_no_execution(sent: Order, said: str) -> None:
    tell(execution(OURS, multiplier=Decimal(said)))
    assert (books(sent)[1], Execution.objects.get().multiplier) == (10, 1)


def test_an_order_of_others_is_as_large_as_can_be_believed(sent: Order) -> None:
    tell(execution(OrderIdentity(perm_id=9), cum_qty=HUGE))
    assert (external()[0].order_qty, external()[0].state) == (10, State.FILLED)


def test_a_bust_that_was_never_booked_is_no_difference(sent: Order) -> None:
    bust = execution(OrderIdentity(perm_id=9), "b.01.02", last_qty=Decimal(0), cum_qty=Decimal(0))
    tell(bust)
    assert not comparison.executions("main", snapshot(executions=(bust,)))
    assert not Alert.objects.exists()


# --- positions and figures ---------------------------------------------------------------------------
ODD = [
    held(1, None),
    held(2, HUGE),
    held(2**70, Decimal(1)),
    held(3, Decimal(1), symbol="X" * 99, sec_type="A KIND OF ITS OWN", currency="USDT"),
]


@pytest.mark.parametrize("odd", ODD, ids=["unknown", "huge", "number", "words"])
def test_an_odd_position_keeps_no_other_from_being_stored(desk: User, odd: PositionReport) -> None:
    positions.store_snapshot("main", snapshot(positions=(odd, held(265598, Decimal(5)))))
    assert Position.objects.get(con_id=265598).position_qty == 5
    writer = InboxWriter.__new__(InboxWriter)
    writer.positions = {(ACCOUNT, n): one for n, one in enumerate((odd, held(265598, Decimal(6))))}
    positions.store_live("main", writer)
    assert Position.objects.get(con_id=265598).position_qty == 6


def test_a_position_whose_quantity_is_not_told_stays_as_it_was(desk: User) -> None:
    positions.store_snapshot("main", snapshot(positions=(held(265598, Decimal(5)),)))
    positions.store_snapshot("main", snapshot(positions=(held(265598, None),)))
    assert Position.objects.get().position_qty == 5


def test_a_position_that_is_not_told_proves_no_absence(sent: Order) -> None:
    BrokerAccount.objects.update(baseline_at=timezone.now())
    shown = snapshot(positions=(held(265598, None),))
    assert Doubt.POSITION_MOVED in SnapshotEvidence("main", shown).doubts(sent)
    assert Doubt.POSITION_MOVED not in SnapshotEvidence("main", snapshot()).doubts(sent)


def test_a_position_that_others_move_concludes_nothing_yet(sent: Order) -> None:
    BrokerAccount.objects.update(baseline_at=timezone.now())
    shown = snapshot(positions=(held(265598, Decimal(10)),))
    assert Doubt.POSITION_MOVED in SnapshotEvidence("main", shown).doubts(sent)
    other = Order.objects.get(pk=sent.pk)
    other.pk, other.cl_ord_id, other.order_ref, other.perm_id = uuid7(), "other", "TDOTHER", None
    other.save(force_insert=True)
    assert Doubt.OTHERS_MOVE in SnapshotEvidence("main", shown).doubts(sent)
    sent.unconfirmed_at = timezone.now() - 2 * PATIENCE
    assert Doubt.POSITION_MOVED in SnapshotEvidence("main", shown).doubts(sent)


def value(key: str, text: str, currency: str = "USD") -> AccountValueReport:
    return AccountValueReport(account=ACCOUNT, key=key, value=text, currency=currency)


@pytest.mark.parametrize("odd", [value("K" * 99, "V" * 99, "A LONG CURRENCY"), value("NetLiquidation", "1")])
def test_an_odd_account_value_or_one_told_twice_spoils_no_other(desk: User, odd: AccountValueReport) -> None:
    account_values.store_snapshot(snapshot(account_values=(odd, value("NetLiquidation", "7"))))
    assert AccountValue.objects.get(key="NetLiquidation").value == "7"


@pytest.mark.parametrize("odd", ["1.7976931348623157E308", "NaN", "-Infinity", "", "1e25", "7.00"])
def test_odd_cash_or_cash_told_twice_spoils_no_other(desk: User, odd: str) -> None:
    told = (value("CashBalance", odd, "EUR"), value("CashBalance", "7"), value("CashBalance", "8"))
    cash.store("main", snapshot(account_values=told))
    assert CashBalance.objects.get(currency="USD").amount == 8


@pytest.mark.parametrize("worth", ["1.7976931348623157E308", "NaN", "1e25"])
def test_an_odd_worth_or_profit_keeps_no_minute_from_being_kept(desk: User, worth: str) -> None:
    account_values.store_snapshot(snapshot(account_values=(value("NetLiquidation", worth),)))
    writer = InboxWriter.__new__(InboxWriter)
    told = {
        0: ProfitReport(account=ACCOUNT, con_id=0, daily=HUGE),
        1: ProfitReport(account=ACCOUNT, con_id=1),
    }
    writer.profits = {(ACCOUNT, con_id): report for con_id, report in told.items()}
    profits._store({ACCOUNT}, writer)
    assert (Profit.objects.count(), profits.keep_minute()) == (2, 2)
    assert set(ProfitPoint.objects.values_list("daily", "value")) == {(None, None)}
    assert not Break.objects.exists()


def test_a_contract_in_odd_words_is_stored_as_far_as_it_goes(desk: User) -> None:
    odd = InstrumentRef(
        symbol="", sec_type="", exchange="", currency="", con_id=-1, multiplier=Decimal("1e30"),
    )  # fmt: skip
    tell(execution(OrderIdentity(perm_id=9), instrument=odd))
    assert (external()[0].instrument.multiplier, external()[0].instrument.confirmed) == (1, False)


# --- statuses ----------------------------------------------------------------------------------------
def heard(event: Any) -> SessionFlags:
    message = InboundMessage(event=event, dedup_key=uuid4().hex, raw={}, received_at=timezone.now())
    flags = SessionFlags()
    apply_items("main", [message], flags)
    return flags


def over(identity: OrderIdentity, status: WorkingStatus, executed: str) -> OrderReport:
    return OrderReport(identity=identity, status=status, source="orderStatus", cum_qty=Decimal(executed))


@pytest.mark.parametrize("status", [WorkingStatus.CANCELED, WorkingStatus.EXPIRED, WorkingStatus.FILLED])
def test_an_end_that_names_executions_which_are_not_known_has_them_fetched(
    sent: Order, status: WorkingStatus
) -> None:
    tell(execution(OURS, last_qty=Decimal(4)))
    assert heard(over(OURS, status, "6")).snapshot_wanted
    assert books(sent)[1] == 4


@pytest.mark.parametrize("executed", ["4", "3", "0"])
def test_an_end_after_the_executions_that_are_known_asks_for_nothing(sent: Order, executed: str) -> None:
    tell(execution(OURS, last_qty=Decimal(4)))
    assert not heard(over(OURS, WorkingStatus.CANCELED, executed)).snapshot_wanted


def test_somebodys_completed_order_without_any_number_is_noted_and_done(sent: Order) -> None:
    nameless = msgspec.structs.replace(
        open_order(OrderIdentity(order_ref="mine")), status=WorkingStatus.CANCELED, source="completedOrder"
    )
    heard(nameless)
    assert (external(), books(sent)[0]) == ([], State.PENDING)
