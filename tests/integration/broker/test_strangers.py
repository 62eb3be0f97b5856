"""Somebody else trades at the same gateway, under any number: our orders stay ours, theirs are shown."""

from __future__ import annotations

import pytest

from orders.models import Alert, AlertKind, Execution, Order, Source, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def strangers() -> list[Order]:
    return list(Order.objects.filter(source=Source.EXTERNAL).order_by("perm_id"))


def test_what_strangers_trade_is_told_apart_from_our_orders(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    ours = desk.wait(desk.rest(), State.PENDING)
    for number in ("reused", "hand", "zero"):
        for symbol in ("AAPL", "IBDE40", "BTC", "US-T"):
            gateway.control.fault(kind="stranger", symbol=symbol, side="BUY", number=number)
    gateway.control.fault(kind="disconnect")  # what others did is told on request only
    eventually(lambda: len(strangers()) == 12, limit=20)
    eventually(lambda: {one.state for one in strangers()} == {State.COMPLETED}, limit=60)
    kinds = [one.instrument.sec_type for one in strangers()]
    assert kinds == ["STK", "CFD", "CRYPTO", "BOND"] * 3
    ours.refresh_from_db()
    assert (ours.state, ours.cum_qty, ours.held_for_desk) == (State.PENDING, 0, False)
    assert not Alert.objects.filter(kind__in=[AlertKind.DUPLICATE_ORDER, AlertKind.OVERFILL]).exists()
    desk.wait(desk.place(), State.COMPLETED)


@pytest.mark.parametrize("kind", ["unknown_commission", "wavering_commission"])
def test_a_commission_in_any_words_ends_as_the_gateway_has_it(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, kind: str
) -> None:
    gateway.control.fault(kind=kind, delay_ms=50, count=1)
    order = desk.wait(desk.place(), State.FILLED, State.COMPLETED)
    (charged,) = {row["commission"] for row in gateway.control.executions()}

    def is_told() -> bool:
        order.refresh_from_db()
        told = order.events.filter(kind="COMMISSION").count()
        return order.state == State.COMPLETED and told == (1 if kind == "unknown_commission" else 3)

    eventually(is_told, limit=60)
    assert f"{Execution.objects.get().commission.normalize():f}" == charged


def test_a_bust_that_comes_before_its_execution_counts(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="bust_first", delay_ms=100, count=1)
    order = desk.wait(desk.place(), State.CANCELED)
    eventually(lambda: order.executions.count() == 2, limit=60)
    order.refresh_from_db()
    assert (order.state, order.cum_qty) == (State.CANCELED, 0)
