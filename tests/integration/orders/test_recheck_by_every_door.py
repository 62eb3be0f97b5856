"""While orders wait, a limit is lowered, a state set, a price ages, a position moves: none goes out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.fix import Side
from brokers.models import Instrument, Position
from orders.entry.groups import GroupTicket, place_group
from orders.entry.limits.rules import rules_cache
from orders.entry.reading.ticket import Ticket
from orders.entry.recheck import recheck_replaces, recheck_waiting
from orders.entry.replace import Change, replace_order
from orders.entry.slicer import place_sliced, work_slices
from orders.instruments.prices import last_prices
from orders.models import GroupKind, Order, OrderRequest, OutboxCommand, Source, State, TradingState
from orders.store.states import put_state
from tests.integration.orders.conftest import seed_desk
from tests.integration.orders.test_use_limits import ACCOUNT, limit, place, ticket


@pytest.fixture
def desk(settings: Any, db: None) -> User:
    rules_cache._rules = None  # a rollback brings back old editions
    seed_desk(settings)
    return User.objects.create_user("algo")


def sale(**changes: Any) -> Ticket:
    return ticket(side=Side.SELL, **changes)


def order(desk: User) -> None:
    assert place(desk, sale()) == [""]


def group(desk: User) -> None:
    orders = (sale(), ticket(price=Decimal(90)))
    asked = GroupTicket(list_id="g", kind=GroupKind.BRACKET, orders=orders)
    place_group(asked, client=desk, source=Source.API, received_at=timezone.now())


def alternatives(desk: User) -> None:
    asked = GroupTicket(list_id="g", kind=GroupKind.OCA, orders=(sale(), sale(price=Decimal(101))))
    place_group(asked, client=desk, source=Source.API, received_at=timezone.now())


def slice_(desk: User) -> None:
    now = timezone.now()
    end = now + timedelta(minutes=10)
    place_sliced(sale(), slices=1, start_time=None, end_time=end, client=desk, received_at=now)
    work_slices("main")


def replace(desk: User) -> None:
    place(desk, sale(order_qty=Decimal(5)))
    Order.objects.update(state=State.PENDING)
    wanted = Change(cl_ord_id="r", order_qty=Decimal(10))
    asked = replace_order(Order.objects.get().pk, wanted, actor="a", at=timezone.now())
    assert asked.request.is_open
    OutboxCommand.objects.filter(request=None).delete()


def limit_lowered() -> str:
    limit(max_order_qty=9)
    return "QTY_ABOVE_LIMIT"


def state_set() -> str:
    put_state("firm", TradingState.HALTED, by="test", reason="test")
    return "TRADING_HALTED"


def price_aged() -> str:
    Instrument.objects.update(last_px_at=timezone.now() - timedelta(minutes=2), close_px=None)
    last_prices.forget()
    return "PRICE_TOO_OLD"


def position_moved() -> str:
    moved = {"position_qty": -25, "reported_at": timezone.now()}
    con_id = Instrument.objects.get(symbol="AAPL").con_id
    Position.objects.create(
        account_id=ACCOUNT, con_id=con_id, symbol="AAPL", sec_type="STK", currency="USD", **moved
    )
    return "POSITION_ABOVE_LIMIT"


@pytest.mark.parametrize("change", [limit_lowered, state_set, price_aged, position_moved])
@pytest.mark.parametrize("door", [order, group, alternatives, slice_, replace])
def test_what_waits_is_held_to_what_has_changed_since(
    desk: User, door: Callable[[User], None], change: Callable[[], str]
) -> None:
    limit(max_position_qty=30, max_price_age_s=60)
    door(desk)
    assert OutboxCommand.objects.filter(done_at=None).update(not_before=timezone.now() - timedelta(hours=1))
    code = change()
    Order.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    OrderRequest.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    recheck_waiting("main")
    recheck_replaces("main")
    refused = OrderRequest.objects if door is replace else Order.objects
    assert set(refused.values_list("reason_code", flat=True)) == {code}
    assert not OutboxCommand.objects.filter(done_at=None).exists()
