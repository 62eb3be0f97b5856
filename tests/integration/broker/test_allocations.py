"""An advisor's group orders over a real socket: from the group that the gateway names to the shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import AdvisorLogin, Position
from brokers.order_attributes import Allocation
from brokers.port import Link
from orders.errors import TicketInvalid
from orders.models import Break, BreakKind, Execution, State
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


@pytest.fixture
def asked(advised: SessionRuntime, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The accounts whose executions the gateway is asked for from now on; empty for all at once."""
    accounts: list[str] = []
    client = advised.session.live_client()  # type: ignore[attr-defined]  # IB's own
    ask = client.reqExecutions

    def note(key: int, wanted: Any) -> None:
        accounts.append(wanted.acctCode)
        ask(key, wanted)

    monkeypatch.setattr(client, "reqExecutions", note)
    return accounts


def test_only_a_full_look_asks_each_account_for_its_shares(
    desk: Desk, advised: SessionRuntime, asked: list[str]
) -> None:
    desk.wait(desk.place(account=MASTER, allocation=ALL), State.COMPLETED)
    asked.clear()
    assert advised.reconcile_positions()
    assert asked == [""]
    Execution.objects.exclude(account=MASTER).update(exec_root="alone", transact_time=timezone.now())
    assert advised.reconcile(full=False)
    assert not Break.objects.exists()  # what was not asked for is not missed
    assert advised.reconcile(full=True)
    assert sorted(asked) == ["", "", "", MASTER, *CLIENTS]
    assert Break.objects.filter(kind=BreakKind.EXECUTION).count() == len(CLIENTS)


def test_a_late_commission_of_a_group_order_is_looked_for_in_each_account(
    desk: Desk, advised: SessionRuntime, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.session.rounds.COMMISSION_SNAPSHOT_EVERY", 0.1)
    order = desk.wait(desk.place(account=MASTER, allocation=ALL), State.COMPLETED)
    long_ago = timezone.now() - timedelta(hours=1)
    type(order).objects.filter(pk=order.pk).update(state=State.FILLED, last_fill_at=long_ago)
    eventually(lambda: {MASTER, *CLIENTS} <= {*asked}, limit=60)
    assert {*asked} == {"", MASTER, *CLIENTS}
