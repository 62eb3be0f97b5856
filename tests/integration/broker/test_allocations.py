"""An advisor's group orders over a real socket: from the group that the gateway names to the shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.models import AdvisorLogin, Position
from brokers.order_attributes import Allocation
from brokers.port import Link
from orders.errors import TicketInvalid
from orders.models import Break, State
from orders.models.execution import shares_of
from orders.reconciliation import executed
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk, has_prices
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually

MASTER, CLIENTS = "DF1000", ("DU1", "DU2", "DU3")
ALL = Allocation(group="AllClients")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path, "--advisor", MASTER, "--accounts", ",".join(CLIENTS))
    gateway.start()
    yield gateway
    gateway.kill()
    gateway.control.close()


@pytest.fixture
def login(settings: Any) -> None:
    settings.ACCOUNTS = dict.fromkeys((MASTER, *CLIENTS), "main")


@pytest.fixture
def desk(login: None, desk: Desk) -> Desk:
    return desk


@pytest.fixture
def advised(desk: Desk, new_runtime: Callable[[], SessionRuntime]) -> SessionRuntime:
    runtime = new_runtime()
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    eventually(has_prices, limit=60)
    return runtime


def held() -> dict[str, Decimal]:
    """What our executions come to in each account, where that is something."""
    sums = {a: sum(t.quantity for t in executed.between(a, 0)) for a in (MASTER, *CLIENTS)}
    return {account: quantity for account, quantity in sums.items() if quantity}


def test_the_groups_of_the_login_are_known_once_it_is_ready(desk: Desk, advised: SessionRuntime) -> None:
    login = AdvisorLogin.objects.get(session_id="main")
    assert (login.master, tuple(login.accounts)) == (MASTER, CLIENTS)
    (group,) = login.groups
    assert (group["name"], tuple(group["accounts"])) == ("AllClients", CLIENTS)


def test_a_group_order_is_executed_once_and_shared_out(desk: Desk, advised: SessionRuntime) -> None:
    order = desk.place(account=MASTER, allocation=ALL)
    desk.wait(order, State.COMPLETED)
    shares = shares_of(order, order.executions.all())
    assert (order.cum_qty, order.overfilled, order.account_id) == (100, False, MASTER)
    assert [(share.account, share.qty) for share in shares] == [("DU1", 34), ("DU2", 33), ("DU3", 33)]
    assert all(share.commission for share in shares)
    assert held() == {"DU1": 34, "DU2": 33, "DU3": 33}


def test_shares_that_were_not_heard_are_asked_for_and_every_account_agrees(
    desk: Desk, gateway: Gateway, advised: SessionRuntime
) -> None:
    gateway.control.fault(kind="cut_in", message="placeOrder", where="after")
    desk.wait(desk.place(account=MASTER, allocation=ALL), State.COMPLETED)
    assert held() == {"DU1": 34, "DU2": 33, "DU3": 33}
    positions = Position.objects.filter(symbol="AAPL").exclude(position_qty=0)
    eventually(lambda: dict(positions.values_list("account", "position_qty")) == held(), limit=60)
    assert not Break.objects.filter(closed_at=None).exists()


def test_a_group_that_the_gateway_does_not_know_is_refused_before_sending(
    desk: Desk, gateway: Gateway, advised: SessionRuntime
) -> None:
    with pytest.raises(TicketInvalid) as refused:
        desk.place(account=MASTER, allocation=Allocation(group="Nobody"))
    assert "it knows AllClients" in refused.value.errors["allocation.group"][0]
    assert gateway.control.orders() == []
