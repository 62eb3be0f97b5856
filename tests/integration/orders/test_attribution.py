"""What is of somebody else never reaches the books of our order, whatever numbers it carries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from brokers.fix import Side
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
    ReportedTerms,
    Snapshot,
    WorkingStatus,
)
from brokers.models import BrokerAccount, InboxMessage, Instrument
from brokers.port import InboundMessage
from orders.access import accounts_of_person
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.booking.parked import retry_parked
from orders.models import Alert, AlertKind, Execution, Order, Source, State
from orders.order_search import OrderFilter, find_executions, find_orders
from orders.reconciliation import comparison
from tests.examples import examples
from tests.integration.orders.test_any_order import AAPL, desk

__all__ = ["desk"]
OURS = OrderIdentity(perm_id=1700000001, client_id=1, broker_order_id=42)
BY_HAND = 2**31 - 1
MANY = examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def sent(order: Order) -> Order:
    """Our order to buy 10 AAPL works at the broker: client 1, order id 42."""
    Order.objects.filter(pk=order.pk).update(
        state=State.PENDING,
        claimed_at=timezone.now(),
        perm_id=OURS.perm_id,
        broker_client_id=OURS.client_id,
        broker_order_id=OURS.broker_order_id,
    )
    order.refresh_from_db()
    return order


def execution(identity: OrderIdentity, exec_id: str = "", **facts: Any) -> ExecutionReport:
    told = {
        "account": "DU1234567", "instrument": AAPL, "side": Side.BUY, "last_qty": Decimal(10),
        "last_px": Decimal("230.02"), "cum_qty": Decimal(10), "transact_time": timezone.now(), **facts,
    }  # fmt: skip
    return ExecutionReport(identity=identity, exec_id=exec_id or f"{uuid4().hex[:8]}.01.01", **told)


def open_order(identity: OrderIdentity, **facts: Any) -> OrderReport:
    told = {
        "account": "DU1234567", "instrument": AAPL, "side": "BUY", "order_qty": Decimal(10),
        "ord_type": "LIMIT", "time_in_force": "DAY", **facts,
    }  # fmt: skip
    terms = ReportedTerms(**told)
    return OrderReport(identity=identity, status=WorkingStatus.WORKING, source="openOrder", terms=terms)


def tell(*events: BrokerEvent) -> None:
    """Hear them one by one; what cannot be applied is parked and tried again."""
    for event in events:
        now = timezone.now()
        message = InboundMessage(event=event, dedup_key=uuid4().hex, raw={}, received_at=now)
        try:
            apply_items("main", [message], SessionFlags())
        except Exception as error:
            park_message("main", message, error, now)
    retry_parked("main", SessionFlags())


def books(order: Order) -> tuple[Any, ...]:
    """All that a stranger must not change."""
    row = Order.objects.get(pk=order.pk)
    return row.state, row.cum_qty, row.avg_px, row.perm_id, row.held_for_desk, row.executions.count()


def external() -> list[Order]:
    return list(Order.objects.filter(source=Source.EXTERNAL).order_by("id"))


def test_an_execution_on_our_account_asks_nothing_about_the_account(sent: Order) -> None:
    with CaptureQueriesContext(connection) as asked:
        tell(execution(OURS))
    assert books(sent)[5] == 1
    assert not [query["sql"] for query in asked if 'FROM "brokers_brokeraccount"' in query["sql"]]


# --- identity ----------------------------------------------------------------------------------------
STRANGERS = {
    "another permId": {"identity": msgspec.structs.replace(OURS, perm_id=777000002)},
    "another side": {"side": Side.SELL},
    "another contract": {"instrument": msgspec.structs.replace(AAPL, con_id=272093, symbol="MSFT")},
    "another type": {"instrument": msgspec.structs.replace(AAPL, sec_type="CFD")},
    "another account": {"account": "DU7654321"},
}


@pytest.mark.parametrize("told", STRANGERS.values(), ids=STRANGERS)
def test_an_execution_that_is_not_ours_is_an_external_order(sent: Order, told: dict[str, Any]) -> None:
    before = books(sent)
    tell(execution(**{"identity": OURS, **told}))
    (stranger,) = external()
    assert (stranger.cum_qty, stranger.state, books(sent)) == (10, State.FILLED, before)
    assert not Alert.objects.exists()


@pytest.mark.parametrize("told", STRANGERS.values(), ids=STRANGERS)
def test_an_open_order_that_is_not_ours_is_an_external_order(sent: Order, told: dict[str, Any]) -> None:
    before = books(sent)
    tell(open_order(**{"identity": OURS, **told}))
    assert (len(external()), books(sent)) == (1, before)


@pytest.mark.parametrize("claimed", [timedelta(days=1), timedelta(days=3)])
def test_a_number_of_another_day_is_no_identity(sent: Order, claimed: timedelta) -> None:
    Order.objects.update(claimed_at=timezone.now() - claimed, perm_id=None, state=State.UNCONFIRMED)
    tell(execution(OrderIdentity(perm_id=5, client_id=1, broker_order_id=42)))
    assert (len(external()), books(sent)[1]) == (1, 0)


def test_an_execution_from_before_the_order_was_sent_is_not_of_it(sent: Order) -> None:
    Order.objects.update(perm_id=None, state=State.SENT)
    tell(execution(OURS, transact_time=timezone.now() - timedelta(hours=1)))
    assert (len(external()), books(sent)[1]) == (1, 0)


def test_the_number_of_today_finds_an_order_whose_perm_id_is_unknown(sent: Order) -> None:
    Order.objects.update(perm_id=None, state=State.SENT)
    tell(execution(OURS))
    assert (books(sent)[1], external()) == (10, [])


def test_an_error_of_any_day_finds_our_order_by_its_number(sent: Order) -> None:
    Order.objects.update(claimed_at=timezone.now() - timedelta(days=5))
    tell(execution(msgspec.structs.replace(OURS, perm_id=777000002)))
    identity = OrderIdentity(client_id=1, broker_order_id=42)
    tell(ErrorReport(identity=identity, code=202, text="canceled", meaning=Refusal.ORDER_CANCELED))
    assert books(sent)[0] == State.CANCELED


def test_another_reference_of_our_form_is_not_matched_by_number(sent: Order) -> None:
    Order.objects.update(perm_id=None)
    lost = "TD" + "A" * 26
    tell(execution(OrderIdentity(order_ref=lost, perm_id=6, client_id=1, broker_order_id=42)))
    assert (len(external()), books(sent)[1]) == (1, 0)


@pytest.mark.parametrize("order_id", [BY_HAND, 0, -5])
def test_what_has_no_order_id_is_told_apart_by_perm_id(sent: Order, order_id: int) -> None:
    numbers = range(777000003, 777000007)
    words = ("STK", "CRYPTO", "CFD", "BOND")
    for number, word in zip(numbers, words, strict=True):
        traded = InstrumentRef(
            symbol="X", sec_type=word, exchange="SMART", currency="USD", con_id=number - 777000000
        )
        identity = OrderIdentity(perm_id=number, client_id=0, broker_order_id=order_id)
        tell(execution(identity, instrument=traded, last_qty=Decimal("0.25"), cum_qty=Decimal("0.25")))
    found = external()
    assert [order.perm_id for order in found] == list(numbers)
    assert [order.instrument.sec_type for order in found] == list(words)
    assert {(order.cum_qty, order.held_for_desk) for order in found} == {(Decimal("0.25"), False)}


NUMBERS = st.sampled_from([0, -1, BY_HAND, 41, 42])
TEXTS = st.sampled_from(["", "my-script-7", "TD" + "A" * 26])


@st.composite
def strange(draw: st.DrawFn) -> BrokerEvent:
    """A callback with a permId that is not ours; all else may be as ours."""
    identity = OrderIdentity(
        order_ref=draw(TEXTS),
        perm_id=draw(st.integers(777000000, 777000005)),
        client_id=draw(st.sampled_from([0, 1, 9])),
        broker_order_id=draw(NUMBERS),
    )
    account = draw(st.sampled_from(["", "DU1234567", "DU7654321"]))
    side = draw(st.sampled_from([Side.BUY, Side.SELL]))
    kind = draw(st.sampled_from(["execution", "openOrder", "orderStatus"]))
    if kind == "execution":
        quantity = Decimal(draw(st.integers(0, 20)))
        return execution(identity, account=account, side=side, last_qty=quantity, cum_qty=quantity)
    if kind == "openOrder":
        return open_order(identity, account=account, side=side)
    return OrderReport(identity=identity, status=draw(st.sampled_from(WorkingStatus)), source="orderStatus")


@MANY
@given(events=st.lists(strange(), max_size=8))
def test_no_callbacks_of_strangers_change_the_books_of_our_order(
    sent: Order, events: list[BrokerEvent]
) -> None:
    before = books(sent)
    tell(*events)
    assert books(sent) == before


# --- accounts ----------------------------------------------------------------------------------------
GROUP = OrderIdentity(perm_id=781000001, client_id=0)


def told_for(account: str, quantity: int, exec_id: str = "", perm_id: int = 781000001) -> ExecutionReport:
    identity = OrderIdentity(perm_id=perm_id)
    facts: dict[str, Any] = {"last_qty": Decimal(quantity), "cum_qty": Decimal(quantity)}
    return execution(identity, exec_id, account=account, **facts)


def test_executions_of_a_group_order_are_booked_on_the_accounts_they_name(order: Order) -> None:
    tell(open_order(GROUP, account=""), told_for("DU7000001", 6), told_for("DU7000002", 4))
    (group,) = external()
    booked = dict(Execution.objects.values_list("account_id", "last_qty"))
    assert booked == {"DU7000001": 6, "DU7000002": 4}
    assert (group.account_id, group.cum_qty, group.order_qty, group.state) == (None, 10, 10, State.FILLED)
    assert not BrokerAccount.objects.filter(code="").exists()


def test_one_execution_id_told_for_two_accounts_counts_for_both(order: Order) -> None:
    fills = [told_for(code, qty, "ff.01.01", 781000002) for code, qty in (("DU7000001", 6), ("DU7000002", 4))]
    tell(*fills, *fills, CommissionReport(exec_id="ff.01.01", commission=Decimal(1), currency="USD"))
    (group,) = external()
    assert (group.cum_qty, group.held_for_desk, group.state) == (10, False, State.COMPLETED)
    charged = dict(Execution.objects.values_list("account_id", "commission"))
    assert charged == {"DU7000001": Decimal("0.6"), "DU7000002": Decimal("0.4")}


def test_who_sees_one_account_sees_its_part_of_a_group_order(order: Order) -> None:
    tell(open_order(GROUP, account=""), told_for("DU7000001", 6), told_for("DU7000002", 4))
    (seen,) = find_executions(["DU7000001"], limit=10)
    assert (seen.last_qty, seen.order.perm_id) == (6, 781000001)
    assert not find_orders(["DU7000001"], OrderFilter(), limit=10)


def test_who_sees_all_accounts_sees_group_orders(order: Order) -> None:
    tell(open_order(GROUP, account=""))
    everything = accounts_of_person(User.objects.get(username="desk"))
    shown = find_orders(everything, OrderFilter(), limit=10)
    assert [one.perm_id for one in shown] == [781000001, None]
    assert find_orders(everything, OrderFilter(account="DU1234567"), limit=10) == [order]


# --- busts -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bust_first", [True, False])
def test_a_bust_of_a_strangers_execution_counts_in_any_order(order: Order, bust_first: bool) -> None:
    fill = told_for("DU1234567", 10, "ee000004.01.01")
    bust = told_for("DU1234567", 0, "ee000004.01.02")
    for event in (bust, fill) if bust_first else (fill, bust):
        key = f"exec:{event.account}:{event.exec_id}"
        message = InboundMessage(event=event, dedup_key=key, raw={}, received_at=timezone.now())
        apply_items("main", [message], SessionFlags())
    assert sum(one.last_qty for one in Execution.objects.filter(superseded=False)) == 0
    assert not InboxMessage.objects.filter(applied_at=None).exists()
    assert not Alert.objects.exclude(kind=AlertKind.BUST).exists()


def test_one_execution_id_of_two_accounts_is_no_difference(order: Order) -> None:
    fills = [told_for(code, qty, "ff.01.01", 781000002) for code, qty in (("DU7000001", 6), ("DU7000002", 4))]
    tell(*fills)
    now = timezone.now()
    snapshot = Snapshot(
        snapshot_id="s", started_at=now, finished_at=now, connection_started_at=now, full=True,
        accounts=("DU7000001", "DU7000002"), orders=(), executions=tuple(fills),
        positions=(), account_values=(),
    )  # fmt: skip
    assert not comparison.executions("main", snapshot)


def test_a_combination_takes_its_own_executions_and_its_legs_only(sent: Order) -> None:
    legs = [
        {"con_id": n, "ratio": 1, "side": side, "exchange": "SMART"} for n, side in ((7, "BUY"), (8, "SELL"))
    ]
    Instrument.objects.filter(pk=sent.instrument_id).update(sec_type="BAG", con_id=None, legs=legs)
    whole = msgspec.structs.replace(AAPL, sec_type="BAG", symbol="AAPL,SPY", con_id=28812380)
    leg, other = (msgspec.structs.replace(AAPL, con_id=number) for number in (8, 9))
    tell(*(execution(OURS, instrument=one, side=Side.SELL) for one in (leg, other)))
    tell(execution(OURS, instrument=whole, sec_type="BAG"))
    assert sent.executions.count() == 2
    assert (books(sent)[1], len(external())) == (10, 1)
