"""Trading states and the wire: what waits, what is claimed at that very moment, and what the gateway sees."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from brokers.fix import TimeInForce
from brokers.postgres import clock
from orders.entry.recheck import recheck_waiting
from orders.entry.replace import Change, replace_order
from orders.models import Order, ScopeState, State, TradingState
from orders.sending.claim import claim_orders, claim_replaces
from orders.session.runtime import SessionRuntime
from orders.store.states import put_state
from tests.integration.broker.conftest import ACCOUNT, Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def put(scope: str, state: str, reason: str = "test") -> None:
    put_state(scope, TradingState(state), by="test", reason=reason)


def hold_back(runtime: SessionRuntime) -> None:
    """Nothing goes out, and what waits stays."""
    put("session:main", "HALTED")


def let_go(runtime: SessionRuntime) -> None:
    put("session:main", "ACTIVE")
    runtime.look_soon()


@pytest.mark.parametrize("scope", ["firm", f"account:{ACCOUNT}", "strategy:one"])
def test_a_halt_gives_up_what_waits_with_the_new_report(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, scope: str
) -> None:
    hold_back(runtime)
    order, other = desk.rest(strategy="one"), desk.rest(strategy="two")
    put(scope, "HALTED", "runs away")
    desk.wait(order, State.FAILED)
    assert (order.reason_code, order.check_report[0]["code"]) == ("TRADING_HALTED", "TRADING_HALTED")
    assert "runs away" in order.check_report[0]["value"]
    let_go(runtime)
    desk.wait(other, State.PENDING if scope == "strategy:one" else State.FAILED)
    assert gateway.orders_of(order) == []


def test_a_halt_while_two_hundred_orders_wait_lets_none_of_them_out(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    hold_back(runtime)
    orders = [desk.rest(strategy="one") for _ in range(200)]
    let_go(runtime)
    put("strategy:one", "HALTED")

    def over() -> bool:
        left = Order.objects.filter(strategy="one", state__in=[State.CREATED, State.SENT])
        return not left.exists()

    eventually(over, limit=60)
    halted_at = ScopeState.objects.get(pk="strategy:one").set_at
    late = Order.objects.filter(claimed_at__gt=halted_at).exclude(state=State.FAILED)
    assert not late.exists()  # the claim that began before may have gone out, no later one
    failed = set(Order.objects.filter(state=State.FAILED).values_list("order_ref", flat=True))
    out = {row["order_ref"] for row in gateway.control.orders()}
    assert (len(failed) + len(out), failed & out) == (len(orders), set())
    assert failed


def test_the_claim_takes_nothing_that_was_checked_before_a_halt(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_back(runtime)
    order = desk.rest()
    runtime.submitter.stopping = True  # nobody but this test claims
    monkeypatch.setattr("orders.session.runtime.give_up_halted", lambda name, states: 0)
    put("firm", "HALTED")
    put("session:main", "ACTIVE")
    assert claim_orders(runtime.lease, limit=10) == []
    assert recheck_waiting("main") == 1
    desk.wait(order, State.FAILED)
    assert order.reason_code == "TRADING_HALTED"


@pytest.mark.parametrize("told", [True, False], ids=["told", "the claim is old"])
def test_what_is_claimed_when_a_halt_comes_is_not_handed_over(
    desk: Desk,
    runtime: SessionRuntime,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    told: bool,
) -> None:
    real = runtime.submitter._stopped

    def halted_meanwhile(commands: Sequence[Any], began: float) -> dict[str, str]:
        put("firm", "HALTED")
        if told:
            runtime.submitter.states_changed.set()
        else:
            runtime.submitter.states_changed.clear()
        return real(commands, began if told else began - 10)

    monkeypatch.setattr(runtime.submitter, "_stopped", halted_meanwhile)
    order = desk.rest()
    runtime.look_soon()
    desk.wait(order, State.FAILED)
    assert order.reason_code == "TRADING_HALTED"
    assert gateway.orders_of(order) == []
    assert [event.kind for event in order.events.order_by("version")][1:3] == ["CLAIMED", "PUT_BACK"]


def test_while_reducing_exits_go_out_and_what_waited_to_grow_does_not(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    held = desk.wait(desk.place(), State.COMPLETED)  # long 100
    eventually(lambda: held.executions.exists(), limit=60)
    hold_back(runtime)
    more = desk.rest()
    put(f"account:{ACCOUNT}", "REDUCING")
    let_go(runtime)
    desk.wait(more, State.FAILED)
    assert more.reason_code == "REDUCING_ONLY"
    sold = desk.place(side="SELL")
    desk.wait(sold, State.FILLED, State.COMPLETED)
    assert gateway.orders_of(more) == []


def test_a_replace_that_waits_is_refused_by_a_halt(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    hold_back(runtime)
    change = Change(cl_ord_id="R1", order_qty=Decimal(120))
    request = replace_order(order.id, change, actor="client:algo", at=clock.now()).request
    put("firm", "HALTED")

    def refused() -> bool:
        request.refresh_from_db()
        return request.reason_code == "TRADING_HALTED"

    eventually(refused, limit=60)
    let_go(runtime)
    desk.cancel(order, runtime)  # and cancels pass
    assert order.order_qty == 100


def test_a_halt_that_redis_does_not_tell_is_found_by_the_sweep(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.store.states.tell_workers", lambda: None)
    hold_back(runtime)
    order = desk.rest()
    put("firm", "HALTED")
    desk.wait(order, State.FAILED)
    assert order.reason_code == "TRADING_HALTED"


def test_the_claim_takes_no_lower_replace_that_changes_more_while_halted(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    hold_back(runtime)
    runtime.submitter.stopping = True  # nobody but this test claims
    monkeypatch.setattr("orders.session.runtime.give_up_halted", lambda name, states: 0)
    change = Change(cl_ord_id="R1", order_qty=Decimal(50), time_in_force=TimeInForce.GTC)
    replace_order(order.id, change, actor="client:algo", at=clock.now())
    put("firm", "HALTED")
    put("session:main", "ACTIVE")
    assert claim_replaces(runtime.lease, limit=10) == []
