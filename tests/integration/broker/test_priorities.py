"""What goes first while more waits than the gateway takes, and that nothing stale goes at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from django.utils import timezone

from brokers.fix import OrdType, Side, TimeInForce
from brokers.messages import NewOrder
from brokers.port import Sent
from orders.models import Order, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.test_groups import place, ticket
from tests.integration.broker.test_recheck import pause
from tradedesk.stack.polling import eventually

from .conftest import Desk


def in_order(gateway: Gateway) -> list[str]:
    """References in the order in which the gateway read them."""
    rows = sorted(gateway.control.orders(), key=lambda row: row["order_id"])
    return [row["order_ref"] for row in rows]


def test_market_orders_go_before_those_that_rest(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    pause(runtime, until=True)
    resting = [desk.rest() for _ in range(3)]
    at_once = desk.place(ord_type=OrdType.LIMIT, price=desk.price("AAPL") * 2, time_in_force=TimeInForce.IOC)
    market = [desk.place() for _ in range(2)]
    pause(runtime, until=False)
    for order in resting:
        desk.wait(order, State.PENDING)
    assert in_order(gateway) == [order.order_ref for order in (*market, at_once, *resting)]


def test_a_market_order_does_not_die_behind_a_thousand_that_rest(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.submitter.pacer, "per_second", 10)
    pause(runtime, until=True)
    resting = [desk.rest() for _ in range(40)]
    market = desk.place(max_age=Decimal(3))
    pause(runtime, until=False)
    desk.wait(market, State.FILLED, State.COMPLETED)
    assert Order.objects.filter(state=State.CREATED, id__in=[order.id for order in resting]).exists()


def test_a_group_goes_in_its_turn_while_singles_keep_coming(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.submitter.pacer, "per_second", 12)
    pause(runtime, until=True)
    before = [desk.rest() for _ in range(3)]
    exits = ticket("P", Side.SELL, 100, price=300), ticket("S", Side.SELL, 100, stop_px="0.5")
    group = place(desk, ticket("E", Side.BUY, 100, price=1), *exits)
    for _ in range(30):
        desk.rest()
    pause(runtime, until=False)
    eventually(lambda: len(in_order(gateway)) == 36, limit=60)
    refs = in_order(gateway)
    # Those may pass it that were claimed before its turn, ten at a time and two times on a busy machine.
    assert max(refs.index(order.order_ref) for order in group) < len(before) + 20 + len(group)


def test_what_grew_stale_between_claim_and_wire_does_not_go(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = runtime.session.place

    def late(orders: Sequence[NewOrder]) -> list[Sent]:
        """The session's thread comes to them when they have grown stale."""
        past = timezone.now() - timedelta(seconds=1)
        Order.objects.update(fresh_until=past)
        return send([msgspec.structs.replace(order, fresh_until=past) for order in orders])

    monkeypatch.setattr(runtime.session, "place", late)
    order = desk.wait(desk.place(), State.FAILED)
    assert (order.reason_code, order.sent_at) == ("STALE", None)
    assert gateway.orders_of(order) == []
