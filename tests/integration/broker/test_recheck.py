"""Checked again before the wire: what changed while an order waited counts."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.gate.lease import Lease
from brokers.models import Instrument, Position
from orders.entry.cancel import cancel_order
from orders.entry.recheck import recheck_waiting
from orders.entry.replace import Change, replace_order
from orders.instruments.prices import last_prices
from orders.models import AccountLimit, Order, OrderRequest, RequestState, State, TradingState
from orders.notify.submission_counts import StartedBy
from orders.sending.claim import claim_orders
from orders.session.runtime import SessionRuntime
from orders.store.states import put_state
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually

from .conftest import ACCOUNT, Desk


def pause(session: SessionRuntime, *, until: bool) -> None:
    """Hold new orders back, or let them go."""
    put_state("session:main", TradingState.HALTED if until else TradingState.ACTIVE, by="test", reason="test")
    session.look_soon()


def held(**contract: Any) -> None:
    aapl = Instrument.objects.get(symbol="AAPL")
    Position.objects.update_or_create(
        account_id=ACCOUNT,
        con_id=aapl.con_id,
        defaults={
            "symbol": "AAPL",
            "sec_type": "STK",
            "currency": "USD",
            "avg_cost": 1,
            "reported_at": timezone.now() + timedelta(hours=1),  # no snapshot takes it back
            **contract,
        },
    )


def long_ago() -> None:
    """The checks of what waits do not hold any more."""
    Order.objects.update(checked_at=timezone.now() - timedelta(minutes=1))


def test_an_order_beyond_a_limit_lowered_meanwhile_stays_here(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    pause(runtime, until=True)
    large, small = desk.rest(), desk.rest(order_qty=Decimal(50))
    AccountLimit.objects.update(max_order_qty=50)
    pause(runtime, until=False)
    desk.wait(small, State.PENDING)
    desk.wait(large, State.FAILED)
    assert large.reason_code == "QTY_ABOVE_LIMIT"
    assert [check["limit"] for check in large.check_report if not check["passed"]] == ["50"]
    assert gateway.orders_of(large) == []


def test_a_position_moved_by_a_stranger_counts_for_what_waits(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    AccountLimit.objects.update(max_position_qty=200)
    pause(runtime, until=True)
    first, second = desk.rest(), desk.rest()
    held(position_qty=100)
    long_ago()
    pause(runtime, until=False)
    desk.wait(first, State.PENDING)  # those that came first have the room
    desk.wait(second, State.FAILED)
    assert second.reason_code == "POSITION_ABOVE_LIMIT"
    assert gateway.orders_of(second) == []


def test_a_rule_that_cannot_be_asked_stops_only_its_order(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause(runtime, until=True)
    broken, good = desk.rest(), desk.rest(symbol="MSFT")
    Order.objects.filter(pk=broken.pk).update(special={"display_qty": []})
    long_ago()
    pause(runtime, until=False)
    desk.wait(good, State.PENDING)
    desk.wait(broken, State.FAILED)
    assert broken.reason_code == "RULES_CHANGED"


def test_what_waited_and_may_still_go_goes_in_its_order(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    pause(runtime, until=True)
    orders = [desk.rest(order_qty=Decimal(n)) for n in range(1, 6)]
    Order.objects.filter(pk=orders[0].pk).update(checked_at=timezone.now() - timedelta(minutes=1))
    pause(runtime, until=False)
    for order in orders:
        desk.wait(order, State.PENDING)
    assert sorted(o.broker_order_id for o in orders) == [o.broker_order_id for o in orders]


def test_orders_whose_checks_hold_are_claimed_without_a_look_at_them(
    desk: Desk, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, looks = desk.wait(desk.rest(), State.PENDING), list[int]()
    monkeypatch.setattr(runtime.submitter, "recheck", lambda: looks.append(1) or 0)
    with runtime.submitter.working:  # both wait when the next submission begins
        cancel_order(first.id, actor="test", at=timezone.now())
        second = desk.rest()
    runtime.submit(StartedBy.TASK)
    desk.wait(second, State.PENDING)
    assert looks == []


def test_a_replace_beyond_a_limit_lowered_meanwhile_is_refused_here(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    pause(runtime, until=True)
    larger, smaller = (
        replace_order(
            order.id, Change(cl_ord_id=f"R{n}", order_qty=Decimal(n)), actor="a", at=timezone.now()
        ).request
        for n in (150, 40)
    )
    AccountLimit.objects.update(max_order_qty=50)
    pause(runtime, until=False)
    eventually(lambda: refreshed(smaller).state == RequestState.ACCEPTED, limit=60)
    assert (refreshed(larger).state, larger.reason_code) == (RequestState.REFUSED, "QTY_ABOVE_LIMIT")
    assert larger.reason_text.endswith("Now 150 against 50.")
    (row,) = gateway.orders_of(order)
    assert (Decimal(row["total_quantity"]), row["place_count"]) == (40, 2)


def refreshed(request: OrderRequest) -> OrderRequest:
    request.refresh_from_db()
    return request


def test_a_replace_whose_price_aged_while_it_waited_is_refused(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    AccountLimit.objects.update(max_price_deviation_bps=9_999)
    order = desk.wait(desk.rest(), State.PENDING)
    pause(runtime, until=True)
    request = replace_order(
        order.id, Change(cl_ord_id="R1", order_qty=Decimal(150)), actor="a", at=timezone.now()
    ).request
    AccountLimit.objects.update(max_price_age_s=0)
    Instrument.objects.update(close_px=None)
    last_prices.forget()
    pause(runtime, until=False)
    eventually(lambda: refreshed(request).state == RequestState.REFUSED, limit=60)
    assert request.reason_code == "PRICE_TOO_OLD"


@pytest.mark.parametrize("way", ["reduce_only", "strategy is REDUCING"])
def test_what_only_reduces_counts_what_was_placed_after_it(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, way: str
) -> None:
    """Held 100, an exit of 100 waits, and a plain sell of 100 comes later: both would turn the position."""
    held(position_qty=100)
    runtime.submitter.stopping = True  # nobody but this test claims
    terms: dict[str, Any] = {"side": Side.SELL, "ord_type": OrdType.LIMIT, "price": Decimal(9_000)}
    if way == "reduce_only":
        exit_ = desk.place(**terms, reduce_only=True)
    else:
        put_state("strategy:s", TradingState.REDUCING, by="test", reason="test")
        exit_ = desk.place(**terms, strategy="s")
    recheck_waiting("main")
    plain = desk.place(**terms)
    assert plain.state == State.CREATED
    assert claim_orders(runtime.lease, limit=10) == []
    assert recheck_waiting("main") == 1
    exit_.refresh_from_db()
    assert (exit_.state, exit_.reason_code) == (State.FAILED, "REDUCING_ONLY")
    assert [order.order_id for order in claim_orders(runtime.lease, limit=10)] == [str(plain.id)]


EXIT: dict[str, Any] = {"side": Side.SELL, "ord_type": OrdType.LIMIT, "price": Decimal(9_000)}


def assert_recheck_fails(exit_: Order, lease: Lease) -> None:
    """The claim takes nothing before the exit was checked again, and then all but the exit."""
    assert claim_orders(lease, limit=10) == []
    assert recheck_waiting("main") >= 1
    exit_.refresh_from_db()
    assert (exit_.state, exit_.reason_code) == (State.FAILED, "REDUCING_ONLY")
    assert len(claim_orders(lease, limit=10)) == 1


def test_what_was_written_before_the_check_and_committed_after_it_counts(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    held(position_qty=100)
    runtime.submitter.stopping = True
    written, checked = threading.Event(), threading.Event()

    def plain_sell() -> None:
        with transaction.atomic():
            desk.place(**EXIT)
            written.set()
            checked.wait(60)
        connection.close()

    other = threading.Thread(target=plain_sell)
    other.start()
    written.wait(60)
    exit_ = desk.place(**EXIT, reduce_only=True)
    assert exit_.state == State.CREATED
    checked.set()
    other.join(60)
    assert_recheck_fails(exit_, runtime.lease)


def test_what_grows_by_a_replace_after_the_check_counts(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    held(position_qty=100)
    runtime.submitter.stopping = True
    plain = desk.place(**EXIT | {"order_qty": Decimal(10)})
    exit_ = desk.place(**EXIT | {"order_qty": Decimal(90)}, reduce_only=True)
    replace_order(plain.id, Change(cl_ord_id="R", order_qty=Decimal(100)), actor="a", at=timezone.now())
    assert_recheck_fails(exit_, runtime.lease)


def test_two_exits_that_wait_together_with_a_plain_sell_make_room_for_it(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    held(position_qty=100)
    AccountLimit.objects.update(max_open_orders=50)
    pause(runtime, until=True)
    terms: dict[str, Any] = {"side": Side.SELL, "ord_type": OrdType.LIMIT, "price": Decimal(9_000)}
    first, second, plain = (
        desk.place(**terms, order_qty=Decimal(quantity), reduce_only=reduces)
        for quantity, reduces in ((40, True), (60, True), (50, False))
    )
    pause(runtime, until=False)
    desk.wait(plain, State.PENDING)
    desk.wait(first, State.PENDING)
    desk.wait(second, State.FAILED)
    assert second.reason_code == "REDUCING_ONLY"
