"""What cannot be applied is parked alone, whatever it says; all else is applied, and snapshots end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from brokers.fix import Side
from brokers.gate.breaker import Breaker
from brokers.inbox import parking
from brokers.messages import (
    AccountValueReport,
    BrokerEvent,
    CommissionReport,
    ErrorReport,
    ExecutionReport,
    InstrumentRef,
    OrderIdentity,
    OrderReport,
    Refusal,
    ReportedTerms,
    Snapshot,
    WorkingStatus,
    commission_key,
)
from brokers.models import BrokerAccount, CashBalance, GatewaySession, InboxMessage, Position
from brokers.port import InboundMessage
from orders.booking.flags import SessionFlags
from orders.booking.parked import MAX_ATTEMPTS, retry_parked
from orders.models import Alert, AlertKind, Execution, Order, ReconciliationRun, Source, State
from orders.reconciliation import positions
from orders.reconciliation.snapshots import apply_snapshot
from orders.session.applier import SessionApplier
from tests.examples import each_taken_back, examples
from tests.integration.orders.test_any_order import AAPL, Story, desk

__all__ = ["desk"]
LONG_AGO = datetime(2026, 11, 20, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(), max_size=400)
ANY_NUMBER = st.decimals() | st.sampled_from([Decimal("1.7976931348623157E308"), Decimal("1E-300")])
MANY = examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def applier(flags: SessionFlags | None = None) -> SessionApplier:
    return SessionApplier("main", flags or SessionFlags(), Breaker(5, 15), on_link=list)


def say(event: BrokerEvent, key: str | None = None, **raw: Any) -> int:
    """The event comes in; how many messages were parked."""
    key = key or uuid4().hex
    message = InboundMessage(event=event, dedup_key=key, raw=raw, received_at=timezone.now())
    return len(parking.apply_or_park(applier(), [message]))


def terms(side: str = "BUY", **facts: Any) -> ReportedTerms:
    facts = {"instrument": AAPL, "order_qty": Decimal(100), "ord_type": "LIMIT", **facts}
    return ReportedTerms(account="DU1234567", side=side, time_in_force="DAY", **facts)


def external(perm_id: int, of: ReportedTerms, status: WorkingStatus = WorkingStatus.WORKING) -> OrderReport:
    identity = OrderIdentity(perm_id=perm_id, client_id=9)
    return OrderReport(identity=identity, status=status, source="openOrder", terms=of)


def take(*orders: OrderReport, flags: SessionFlags | None = None, **facts: Any) -> ReconciliationRun:
    """Apply a full snapshot that shows this."""
    now = timezone.now()
    facts = {"executions": (), "positions": (), "account_values": (), **facts}
    snapshot = Snapshot(
        accounts=("DU1234567",),
        snapshot_id=uuid4().hex, started_at=now, finished_at=now, connection_started_at=LONG_AGO, full=True,
        orders=orders, **facts,
    )  # fmt: skip
    flags = flags or SessionFlags()
    return apply_snapshot("main", snapshot, 1, flags, applier(flags))


# --- parking cannot fail -----------------------------------------------------------------------------
@MANY
@given(text=ANY_TEXT, key=ANY_TEXT, raw=ANY_TEXT, number=ANY_NUMBER)
@each_taken_back
def test_a_message_of_any_text_number_and_key_is_parked(
    desk: User, text: str, key: str, raw: str, number: Decimal
) -> None:
    cost = CommissionReport(exec_id=text, commission=number, currency=text)
    say(cost, key=uuid4().hex + key, raw=raw, size=10**400)
    row = InboxMessage.objects.latest("id")
    assert (row.applied_at, row.kind) == (None, "commission_report")
    retry_parked("main", SessionFlags())


@MANY
@given(text=ANY_TEXT, key=ANY_TEXT)
@each_taken_back
def test_an_error_of_any_text_is_applied_in_storable_words(desk: User, text: str, key: str) -> None:
    story = Story(desk)
    error = ErrorReport(identity=story.identity, code=399, text=text, meaning=Refusal.WARNING)
    assert say(error, key=uuid4().hex + key) == 0
    assert story.order.events.filter(data__code=399).count() == 1


def test_a_largest_double_commission_is_parked_once_by_hashed_key(desk: User) -> None:
    cost = CommissionReport(exec_id="b.01", commission=Decimal("1.7976931348623157E308"), currency="USD")
    assert [say(cost, key=commission_key(cost)) for _ in range(2)] == [1, 0]
    row = InboxMessage.objects.get()
    assert row.dedup_key.startswith("comm:b.01:179769313486")
    assert row.retry_at


def test_our_fill_that_is_no_number_is_parked_with_alert(desk: User) -> None:
    story = Story(desk)
    fill = story.execution("01.01", 1, 1)
    broken = msgspec.structs.replace(fill, last_px=Decimal("NaN"))
    assert say(broken) == 1
    assert story.order.order_ref in Alert.objects.get(kind=AlertKind.INBOX_STUCK).text
    assert not Execution.objects.exists()


def test_a_message_parked_as_text_only_stops_no_other_retry(desk: User) -> None:
    story = Story(desk)
    say(story.commission("01.01"))
    InboxMessage.objects.create(
        session_id="main", dedup_key="x", kind="order_report", event={"text": "?"}, raw={},
        received_at=LONG_AGO, retry_at=LONG_AGO,
    )  # fmt: skip
    say(story.execution("01.01", 40, 230))
    InboxMessage.objects.update(retry_at=LONG_AGO)
    assert retry_parked("main", SessionFlags()) == 1
    assert Execution.objects.get().commission == 1


def bare_end(perm_id: int) -> OrderReport:
    """A status as the wire has it: without reference."""
    return OrderReport(
        identity=OrderIdentity(perm_id=perm_id, client_id=1, broker_order_id=910),
        status=WorkingStatus.CANCELED,
        source="orderStatus",
    )


def retry_now() -> SessionFlags:
    InboxMessage.objects.update(retry_at=LONG_AGO)
    flags = SessionFlags()
    retry_parked("main", flags)
    return flags


def test_what_waits_for_its_order_wants_a_full_look_twice(desk: User) -> None:
    say(bare_end(77))
    wanted = [retry_now().snapshot_wanted for _ in range(MAX_ATTEMPTS + 2)]
    assert [tries for tries, is_wanted in enumerate(wanted, 2) if is_wanted] == [3, MAX_ATTEMPTS]


def test_a_completed_order_tells_whose_end_waits(desk: User) -> None:
    order = Story(desk).order
    Order.objects.update(broker_client_id=1, broker_order_id=910, state=State.CANCELED)
    assert say(bare_end(77)) == 1
    whole = OrderIdentity(perm_id=77, order_ref=order.order_ref)
    say(OrderReport(identity=whole, status=WorkingStatus.CANCELED, source="completedOrder", terms=terms()))
    retry_now()
    assert not InboxMessage.objects.filter(applied_at=None).exists()


# --- one row of a snapshot ----------------------------------------------------------------------------
def shown(bad: Sequence[bool]) -> list[OrderReport]:
    """Orders of others, of which the bad ones have a side that no order has."""
    first = uuid4().int % 2**40
    return [external(first + n, terms("SIDEWAYS" if one else "BUY")) for n, one in enumerate(bad)]


@MANY
@given(bad=st.lists(st.booleans(), max_size=12))
@each_taken_back
def test_exactly_the_bad_rows_are_parked_and_all_others_applied(desk: User, bad: list[bool]) -> None:
    rows = shown(bad)
    run = take(*rows)
    numbers = [row.identity.perm_id for row in rows]
    stored = set(Order.objects.filter(perm_id__in=numbers).values_list("perm_id", flat=True))
    assert stored == {row.identity.perm_id for row, is_bad in zip(rows, bad, strict=True) if not is_bad}
    assert run.counts["parked"] == sum(bad)
    assert not (run.ok and any(bad))
    waiting = InboxMessage.objects.filter(applied_at=None, event__identity__perm_id__in=numbers)
    assert waiting.count() == sum(bad)


def test_a_row_that_stays_bad_makes_one_message_and_alert(desk: User) -> None:
    (row,) = shown([True])
    flags = SessionFlags()
    for _ in range(3):
        take(row, flags=flags)
        retry_parked("main", flags)
    assert InboxMessage.objects.filter(applied_at=None).count() == 1
    assert Alert.objects.get(kind=AlertKind.INBOX_STUCK, cleared_at=None).times == 3
    assert not flags.snapshot_wanted


def test_a_row_that_can_be_applied_later_clears_its_alert(desk: User) -> None:
    (row,) = shown([True])
    take(row)
    take(external(row.identity.perm_id, terms("SELL")))
    assert not Alert.objects.filter(cleared_at=None).exists()
    assert not InboxMessage.objects.filter(applied_at=None).exists()


def test_an_order_whose_row_is_parked_is_never_proven_absent(desk: User) -> None:
    """It must not be sent again while it works at the broker."""
    story = Story(desk)
    Order.objects.update(state=State.UNCONFIRMED, claimed_at=LONG_AGO, lease_epoch=1)
    identity = OrderIdentity(order_ref=story.order.order_ref, perm_id=2**70)
    for _ in range(3):
        take(OrderReport(identity=identity, status=WorkingStatus.WORKING, source="openOrder", terms=terms()))
    assert Order.objects.get().absent_rounds == 0
    for _ in range(3):
        take()
    order = Order.objects.get()
    assert (order.state, order.held_for_desk) == (State.UNCONFIRMED, True)


@pytest.mark.parametrize("status", list(WorkingStatus))
def test_a_row_of_any_status_can_be_compared(desk: User, status: WorkingStatus) -> None:
    story = Story(desk)
    Order.objects.update(state=State.SENT, claimed_at=LONG_AGO, lease_epoch=1)
    row = OrderReport(identity=story.identity, status=status, source="openOrder", terms=terms())
    assert take(row, row).counts["parked"] == 0


# --- what follows the rows ----------------------------------------------------------------------------
def test_a_step_that_fails_is_alerted_and_stops_no_other(desk: User, monkeypatch: pytest.MonkeyPatch) -> None:
    cash = AccountValueReport(account="DU1234567", key="CashBalance", value="5", currency="USD")
    BrokerAccount.objects.update(baseline_at=None)
    before = timezone.now() - timedelta(seconds=1)
    with monkeypatch.context() as broken:  # any odd position is stored as far as it goes
        broken.setattr(positions, "store_snapshot", lambda *_: Position.objects.create(con_id=7))
        run = take(external(5, terms()), account_values=(cash,))
    assert (run.ok, run.error.split(":")[0]) == (False, "store positions")
    assert Alert.objects.get(kind=AlertKind.SESSION).subject == "snapshot: store positions"
    assert CashBalance.objects.get(currency="USD").amount == 5
    assert Order.objects.filter(perm_id=5).exists()
    assert GatewaySession.objects.get().reconciled_at > before
    assert BrokerAccount.objects.get(code="DU1234567").baseline_at is None  # positions are not known
    take(external(5, terms()), account_values=(cash,))
    assert not Alert.objects.filter(kind=AlertKind.SESSION, cleared_at=None).exists()
    assert not Position.objects.exists()


def test_an_execution_of_an_unknown_account_is_a_break(desk: User) -> None:
    fill = ExecutionReport(
        identity=OrderIdentity(perm_id=1), exec_id="e" * 300, account="U" * 50, instrument=AAPL,
        side=Side.BUY, last_qty=Decimal(1), last_px=Decimal(1), cum_qty=Decimal(1), transact_time=LONG_AGO,
    )  # fmt: skip
    run = take(executions=(fill,))
    assert (run.error, run.counts["breaks"]) == ("", 1)


# --- what others placed -------------------------------------------------------------------------------
def recorded(report: OrderReport) -> Order:
    assert take(report).counts["parked"] == 0
    return Order.objects.get(source=Source.EXTERNAL)


def test_an_order_of_others_with_long_words_and_digits_is_stored(desk: User) -> None:
    odd = InstrumentRef(
        symbol="S" * 80, sec_type=AAPL.sec_type, exchange="E" * 80, currency="USDT", local_symbol="L" * 80,
        trading_class="T" * 80, multiplier=Decimal("1e30"), con_id=2**70,
    )  # fmt: skip
    digits = Decimal("0.123456789012345678901234567890")
    order = recorded(external(5, terms(
        instrument=odd, order_qty=digits, ord_type="PASSIVE RELATIVE TO MIDPOINT", price=Decimal("1e300"),
    )))  # fmt: skip
    assert (order.order_qty, order.price) == (Decimal("0.1234567890"), None)
    assert order.ord_type == "PASSIVE RELATIVE"
    assert order.instrument.symbol.startswith("SSSS")


def test_an_order_by_amount_of_money_is_stored_without_its_quantity(desk: User) -> None:
    order = recorded(external(5, terms(order_qty=Decimal(0))))
    assert order.order_qty == Decimal("1e-10")
    assert order.state == State.PENDING


def test_a_canceled_order_without_quantity_keeps_the_known_one(desk: User) -> None:
    take(external(5, terms()))
    order = recorded(external(5, terms(order_qty=Decimal(0)), WorkingStatus.CANCELED))
    assert (order.state, order.order_qty) == (State.CANCELED, 100)


def test_a_bust_of_an_execution_that_was_never_known_books_nothing(desk: User) -> None:
    bust = ExecutionReport(
        identity=OrderIdentity(perm_id=781000004), exec_id="ee04.01.02", account="DU1234567", instrument=AAPL,
        side=Side.BUY, last_qty=Decimal(0), last_px=Decimal(0), cum_qty=Decimal(0), transact_time=LONG_AGO,
    )  # fmt: skip
    assert say(bust) == 0
    assert not Order.objects.exists()


def test_an_execution_with_a_long_id_finds_its_commission(desk: User) -> None:
    exec_id = "e" * 300 + ".01"
    fill = ExecutionReport(
        identity=OrderIdentity(perm_id=5), exec_id=exec_id, account="DU1234567", instrument=AAPL,
        side=Side.BUY, last_qty=Decimal(1), last_px=Decimal(1), cum_qty=Decimal(1), transact_time=LONG_AGO,
        venue="V" * 99, sec_type="UNHEARD OF",
    )  # fmt: skip
    assert say(fill) + say(CommissionReport(exec_id=exec_id, commission=Decimal(2), currency="USD")) == 0
    assert Execution.objects.get().commission == 2
