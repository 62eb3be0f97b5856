"""Broker events may come twice, late and in any order: the facts they leave are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from brokers.fix import OrdType, SecType, Side, TimeInForce
from brokers.inbox.rows import park_message
from brokers.messages import (
    BrokerEvent,
    CommissionReport,
    ErrorReport,
    ExecutionReport,
    InstrumentRef,
    OrderIdentity,
    OrderReport,
    Refusal,
    WorkingStatus,
)
from brokers.models import GatewaySession, InboxMessage, Instrument
from brokers.port import InboundMessage
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.booking.parked import retry_parked
from orders.entry.cancel import cancel_order
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.models import Alert, AlertKind, Cause, CommandKind, Order, RequestState, Source, State
from orders.reconciliation.comparison import differs
from orders.sending.unknown_outcome import fail_order
from orders.store.orders import store_orders
from tests.examples import each_taken_back, examples
from tests.seeded import seed_again

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
AAPL = InstrumentRef(symbol="AAPL", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=265598)
QUIET = examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def desk(db: None, settings: Any) -> User:
    seed_again(settings)
    Instrument.objects.filter(symbol="AAPL").update(con_id=265598, min_tick=Decimal("0.01"))
    return User.objects.create_user("algo")


class Story:
    """One order and what the broker says about it; every event made with the order's own identity."""

    def __init__(self, client: User) -> None:
        ticket = Ticket(
            cl_ord_id=uuid4().hex,
            account="DU1234567",
            instrument=InstrumentKey(symbol="AAPL"),
            side=Side.BUY,
            order_qty=Decimal(100),
            ord_type=OrdType.LIMIT,
            price=Decimal(230),
            time_in_force=TimeInForce.DAY,
        )
        self.order = place_order(ticket, client=client, source=Source.API, received_at=NOW).order
        self.run = uuid4().hex[:8]
        perm_id = self.order.id.int % 2**40
        self.identity = OrderIdentity(order_ref=self.order.order_ref, perm_id=perm_id)

    def status(self, status: WorkingStatus) -> OrderReport:
        return OrderReport(identity=self.identity, status=status, source="orderStatus")

    def execution(self, number: str, quantity: int, price: int) -> ExecutionReport:
        return ExecutionReport(
            identity=self.identity,
            exec_id=f"{self.run}.{number}",
            account="DU1234567",
            instrument=AAPL,
            side=Side.BUY,
            last_qty=Decimal(quantity),
            last_px=Decimal(price),
            cum_qty=Decimal(0),
            transact_time=NOW,
        )

    def commission(self, number: str) -> CommissionReport:
        return CommissionReport(exec_id=f"{self.run}.{number}", commission=Decimal(1), currency="USD")

    def error(self, code: int, meaning: Refusal) -> ErrorReport:
        return ErrorReport(identity=self.identity, code=code, text="words", meaning=meaning)

    def tell(self, events: list[BrokerEvent], turn: str = "first") -> Order:
        """Hear the events one by one, as the inbox writer does, and retry what was parked."""
        for number, event in enumerate(events):
            key = f"{self.run}:{turn}:{number}"
            note = InboundMessage(event=event, dedup_key=key, raw={}, received_at=NOW)
            try:
                apply_items("main", [note], SessionFlags())
            except Exception as error:
                park_message("main", note, error, NOW)
        retry_parked("main", SessionFlags())
        assert not InboxMessage.objects.filter(applied_at=None).exists()
        order = Order.objects.get(pk=self.order.pk)
        assert_replays(order)
        return order


def assert_replays(order: Order) -> None:
    """The events of an order are a chain without gaps that ends at its row."""
    events = list(order.events.order_by("version"))
    assert [event.version for event in events] == list(range(1, order.version + 1))
    assert [event.from_state for event in events[1:]] == [event.to_state for event in events[:-1]]
    last = events[-1]
    assert (last.to_state, last.cum_qty, last.avg_px) == (order.state, order.cum_qty, order.avg_px)


def facts(order: Order) -> list[object]:
    """The order, all that happened to it, and its executions with their commissions."""
    return [
        list(rows.values())
        for rows in (Order.objects.filter(pk=order.pk), order.events.all(), order.executions.order_by("id"))
    ]


def any_order_with_repeats(count: int) -> st.SearchStrategy[list[int]]:
    """Indices of `count` events: all of them, some repeated, in any order."""
    repeats = st.lists(st.integers(0, count - 1), max_size=count)
    return repeats.flatmap(lambda extra: st.permutations([*range(count), *extra]))


@QUIET
@given(indices=any_order_with_repeats(7))
@each_taken_back
def test_a_filled_order_ends_completed(desk: User, indices: list[int]) -> None:
    story = Story(desk)
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.HELD),
        story.status(WorkingStatus.WORKING),
        story.execution("01.01", 40, 229),
        story.commission("01.01"),
        story.execution("02.01", 60, 230),
        story.commission("02.01"),
        story.status(WorkingStatus.FILLED),
    ]
    order = story.tell([history[index] for index in indices])
    assert (order.state, order.cum_qty, order.avg_px) == (State.COMPLETED, 100, Decimal("229.6"))


@QUIET
@given(indices=any_order_with_repeats(7))
@each_taken_back
def test_what_is_told_again_after_it_was_forgotten_changes_nothing(desk: User, indices: list[int]) -> None:
    story = Story(desk)
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.HELD),
        story.status(WorkingStatus.WORKING),
        story.execution("01.01", 40, 229),
        story.commission("01.01"),
        story.execution("02.01", 60, 230),
        story.commission("02.01"),
        story.status(WorkingStatus.FILLED),
    ]
    before = facts(story.tell(history))
    again = story.tell([history[index] for index in indices], turn="again")  # as news, under other keys
    assert facts(again) == before


@QUIET
@given(indices=any_order_with_repeats(6))
@each_taken_back
def test_a_canceled_order_keeps_what_was_executed(desk: User, indices: list[int]) -> None:
    story = Story(desk)
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.HELD),
        story.status(WorkingStatus.WORKING),
        story.execution("01.01", 40, 229),
        story.commission("01.01"),
        story.status(WorkingStatus.CANCELED),
        story.error(202, Refusal.ORDER_CANCELED),
    ]
    order = story.tell([history[index] for index in indices])
    assert (order.state, order.cum_qty, order.leaves_qty) == (State.CANCELED, 40, 0)


@QUIET
@given(indices=any_order_with_repeats(3))
@each_taken_back
def test_a_rejected_order_is_rejected_whichever_word_comes_first(desk: User, indices: list[int]) -> None:
    story = Story(desk)
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.HELD),
        story.status(WorkingStatus.CANCELED),
        story.error(201, Refusal.ORDER_REJECTED),
    ]
    order = story.tell([history[index] for index in indices])
    assert (order.state, order.reason_code) == (State.REJECTED, "BROKER_REJECTED")


@QUIET
@given(indices=any_order_with_repeats(6))
@each_taken_back
def test_a_correction_replaces_the_version_before_it(desk: User, indices: list[int]) -> None:
    story = Story(desk)
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.WORKING),
        story.execution("01.01", 100, 229),
        story.execution("01.02", 90, 229),
        story.execution("01.03", 80, 228),
        story.commission("01.03"),
        story.commission("01.01"),
    ]
    order = story.tell([history[index] for index in indices])
    assert (order.state, order.cum_qty, order.avg_px) == (State.PARTIALLY_FILLED, 80, 228)


def test_the_history_shows_an_execution_after_the_cancel(desk: User) -> None:
    story = Story(desk)
    history: list[BrokerEvent] = [
        story.status(WorkingStatus.WORKING),
        story.status(WorkingStatus.CANCELED),
        story.execution("01.01", 40, 229),
    ]
    order = story.tell(history)
    last = order.events.order_by("version").last()
    assert last is not None
    assert (order.state, last.kind, last.cum_qty) == (State.CANCELED, "EXECUTION", 40)


def test_a_cancel_outrun_by_the_orders_end_is_not_sent(desk: User) -> None:
    story = Story(desk)
    working = story.status(WorkingStatus.WORKING)
    story.tell([working])
    request = cancel_order(story.order.id, actor="client:algo", at=NOW)
    order = story.tell([working, story.status(WorkingStatus.CANCELED)])
    request.refresh_from_db()
    assert (order.state, request.state) == (State.CANCELED, RequestState.ACCEPTED)
    assert not order.commands.filter(kind=CommandKind.CANCEL, done_at=None).exists()


def test_an_unknown_code_ends_no_order_and_raises_an_alert(desk: User) -> None:
    story = Story(desk)
    order = story.tell([story.status(WorkingStatus.WORKING), story.error(99_999, Refusal.UNKNOWN)])
    assert order.state == State.PENDING
    assert "99999" in Alert.objects.get(kind=AlertKind.UNKNOWN_CODE, order=order).text


ENDS = (Refusal.ORDER_REJECTED, Refusal.ORDER_CANCELED)


@pytest.mark.parametrize("meaning", [meaning for meaning in Refusal if meaning not in ENDS])
@pytest.mark.parametrize("asked", [False, True])
def test_without_proof_of_its_end_an_order_lives_on(desk: User, meaning: Refusal, asked: bool) -> None:
    story = Story(desk)
    working = story.status(WorkingStatus.WORKING)
    story.tell([working])
    if asked:
        cancel_order(story.order.id, actor="client:algo", at=NOW)
    order = story.tell([working, story.error(321, meaning)])
    assert order.state == State.PENDING


def test_a_refusal_of_a_new_order_ends_it(desk: User) -> None:
    story = Story(desk)
    order = story.tell([story.error(321, Refusal.REJECTED_IF_NEW)])
    assert (order.state, order.reason_code) == (State.REJECTED, "BROKER_REJECTED")


def test_a_late_execution_of_a_refused_order_puts_it_in_doubt(desk: User) -> None:
    story = Story(desk)
    events: list[BrokerEvent] = [story.error(201, Refusal.ORDER_REJECTED), story.execution("01.01", 40, 229)]
    order = story.tell(events)
    assert (order.state, order.cum_qty) == (State.UNCONFIRMED, 40)


def test_a_reference_shown_twice_is_held_and_still_followed(desk: User) -> None:
    story = Story(desk)
    other = OrderIdentity(order_ref=story.order.order_ref, perm_id=77)
    second = OrderReport(identity=other, status=WorkingStatus.CANCELED, source="openOrder")
    events: list[BrokerEvent] = [
        story.status(WorkingStatus.WORKING),
        second,
        story.execution("01.01", 40, 229),
    ]
    order = story.tell(events)
    assert (order.state, order.held_for_desk) == (State.PARTIALLY_FILLED, True)


@pytest.mark.parametrize("source", ["orderStatus", "openOrder"])
def test_a_late_presubmitted_takes_no_working_order_back(desk: User, source: str) -> None:
    story = Story(desk)
    late = OrderReport(identity=story.identity, status=WorkingStatus.HELD, source=source)
    assert story.tell([story.status(WorkingStatus.WORKING), late]).state == State.PENDING


def test_a_snapshot_that_began_later_takes_a_working_order_back(desk: User) -> None:
    story = Story(desk)
    facts = {"identity": story.identity, "status": WorkingStatus.HELD, "source": "openOrder"}
    rows = [OrderReport(**facts, snapshot_at=NOW + timedelta(seconds=n)) for n in (-1, 1)]
    assert story.tell([story.status(WorkingStatus.WORKING), rows[0]]).state == State.PENDING
    assert story.tell([story.status(WorkingStatus.WORKING), rows[0], rows[1]]).state == State.ACCEPTED


def test_a_perm_id_is_stored_though_nothing_else_is_new(desk: User) -> None:
    story = Story(desk)
    nameless = OrderReport(
        identity=OrderIdentity(order_ref=story.order.order_ref),
        status=WorkingStatus.WORKING,
        source="openOrder",
    )
    order = story.tell([nameless, story.status(WorkingStatus.WORKING)])
    assert order.perm_id == story.identity.perm_id


@pytest.mark.parametrize(
    ("said", "state"),
    [(WorkingStatus.CANCELED, State.CANCELED), (WorkingStatus.EXPIRED, State.EXPIRED)],
)
def test_a_failed_order_that_reached_the_broker_shows_its_outcome(
    desk: User, said: WorkingStatus, state: State
) -> None:
    story = Story(desk)
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=story.order.pk)
        fail_order(order, "STALE", Cause(actor="test", at=NOW))
        store_orders([order])
    order = story.tell([story.status(said)])
    assert order.state == state
    assert not differs(order, story.status(said), [])


def test_a_commission_of_another_sessions_execution_is_theirs_to_book(desk: User) -> None:
    """A look tells all accounts of the login to every session, and a commission names no account."""
    story = Story(desk)
    story.tell([story.execution("01.01", 40, 229)])
    GatewaySession.objects.create(name="second")
    note = InboundMessage(event=story.commission("01.01"), dedup_key="look:1", raw={}, received_at=NOW)
    apply_items("second", [note], SessionFlags())
    assert InboxMessage.objects.get(session="second").applied_at
    assert story.order.executions.get().commission is None
    story.tell([story.execution("01.01", 40, 229), story.commission("01.01")])
    assert story.order.executions.get().commission == 1
