"""One session at work in this process: ib_async over TCP to the simulated gateway, all servers real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from brokers.fix import OrdType, Side, TimeInForce
from brokers.models import Instrument
from brokers.port import Link
from orders.entry.cancel import cancel_order
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.models import Order, Source, State
from orders.session.runtime import SessionRuntime, take_lease
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually

ACCOUNT = "DU1234567"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path)
    gateway.start()
    yield gateway
    gateway.kill()
    gateway.control.close()


class Desk:
    """Places orders as a client would, and waits for what becomes of them."""

    def __init__(self) -> None:
        self.client = User.objects.create_user("algo")
        self.count = 0

    def ticket(self, symbol: str = "AAPL", **terms: Any) -> Ticket:
        self.count += 1
        return Ticket(**{
            "cl_ord_id": f"T{self.count}",
            "account": ACCOUNT,
            "instrument": InstrumentKey(symbol=symbol),
            "side": Side.BUY,
            "order_qty": Decimal(100),
            "ord_type": OrdType.MARKET,
            "time_in_force": TimeInForce.DAY,
            **terms,
        })  # fmt: skip

    def place(self, symbol: str = "AAPL", **terms: Any) -> Order:
        ticket = self.ticket(symbol, **terms)
        placed = place_order(ticket, client=self.client, source=Source.API, received_at=timezone.now())
        return placed.order

    def know(self, symbol: str, con_id: int) -> None:
        """Resolve an instrument without a broker."""
        Instrument.objects.filter(symbol=symbol).update(con_id=con_id, min_tick=Decimal("0.01"))

    def rest(self, **terms: Any) -> Order:
        """A limit order far below the market."""
        return self.place(ord_type=OrdType.LIMIT, price=Decimal("1.00"), **terms)

    def price(self, symbol: str) -> Decimal:
        """The last price known of an instrument."""
        px = Instrument.objects.get(symbol=symbol).last_px
        assert px
        return px

    def wait(self, order: Order, *states: str) -> Order:
        """Until the order is in one of these states."""

        def there() -> bool:
            order.refresh_from_db()
            return order.state in states

        eventually(there, limit=60, pause=0.02)
        return order

    def cancel(self, order: Order, runtime: SessionRuntime) -> None:
        """Cancel an order and wait until it is; every drain that had begun before is over then."""
        cancel_order(order.id, actor="test", at=timezone.now())
        runtime.look_soon()
        self.wait(order, State.CANCELED)


@pytest.fixture
def connections_that_write(transactional_db: None) -> Iterator[None]:
    """Those opened meanwhile stay read-only for as long as they live: what cleans up would be given one."""
    yield
    connection.close()
    connection.close_pool()


@pytest.fixture
def desk(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The seeded rows, and nobody but the sweep and the test to ring."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ACK_DEADLINE = 1.0
    settings.RESOLUTION_PAUSE = 0.3
    settings.SETTLING_TIME = 0.3
    monkeypatch.setattr("orders.session.runtime.SWEEP_EVERY", 0.05)
    monkeypatch.setattr("orders.session.wakeup_listener.LOOK_EVERY", 0.05)  # who stops need not wait for it
    monkeypatch.setattr("orders.session.market_data.EVERY", 0.1)
    monkeypatch.setattr("brokers.ib.prices.GAP", 0.01)
    call_command("seed")
    return Desk()


@pytest.fixture
def new_runtime(desk: Desk, gateway: Gateway) -> Iterator[Callable[[], SessionRuntime]]:
    """Start a session runtime; every one still running at the end of the test is stopped."""
    started: list[SessionRuntime] = []

    def start() -> SessionRuntime:
        lease = eventually(lambda: take_lease("main", 1), limit=60)
        runtime = SessionRuntime(
            lease,
            adapter="brokers.ib.session.IBSession",
            host="127.0.0.1",
            port=gateway.port,
            client_id=1,
        )
        started.append(runtime)
        runtime.start()
        return runtime

    yield start
    for runtime in started:
        runtime.stop()


@pytest.fixture
def runtime(new_runtime: Callable[[], SessionRuntime]) -> SessionRuntime:
    """A runtime that is ready to trade, its instruments resolved."""
    runtime = new_runtime()
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    eventually(has_prices, limit=60)
    return runtime


def has_prices() -> bool:
    """Every seeded instrument has been resolved and has a price."""
    return not Instrument.objects.filter(last_px=None).exists()
