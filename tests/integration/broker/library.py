"""The real library over TCP, through a proxy, to the simulated gateway; only the order domain is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from brokers.errors import BrokerUnavailable, OutcomeUnknown
from brokers.fix import OrdType, SecType, Side, TimeInForce
from brokers.ib.session import IBSession
from brokers.market import LiveQuote, ProfitReport
from brokers.messages import (
    HandedOver,
    InstrumentRef,
    NewOrder,
    OrderReport,
    PositionReport,
    Snapshot,
    WorkingStatus,
)
from brokers.port import InboundMessage, Link
from tests.integration.broker.conftest import ACCOUNT
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.proxy import Proxy
from tradedesk.stack.polling import eventually

Event = TypeVar("Event")
AAPL = InstrumentRef(symbol="AAPL", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=265598)


class Memory:
    """A Listener that remembers."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.lost: list[str] = []
        self.next_id = 1

    def on_message(self, message: InboundMessage) -> None:
        self.messages.append(message)

    def handed_over(self, note: HandedOver) -> None:
        pass

    def link_changed(self, link: Link, reason: str) -> None:
        pass

    def connection_failed(self) -> None:
        pass

    def next_valid_id(self, broker_order_id: int) -> None:
        self.next_id = max(self.next_id, broker_order_id)

    def alarm(self, subject: str, text: str) -> None:
        self.lost.append(subject)

    def position_seen(self, report: PositionReport) -> None:
        pass

    def price_seen(self, con_id: int, name: str, value: str) -> None:
        pass

    def quote_changed(self, con_id: int, quote: LiveQuote) -> None:
        pass

    def profit_seen(self, report: ProfitReport) -> None:
        pass

    def told(self, what: type[Event], order: NewOrder | None = None) -> list[Event]:
        """Events of a kind, of one order if given."""
        events = [message.event for message in list(self.messages)]
        return [event for event in events if isinstance(event, what) and (not order or is_of(event, order))]


def is_of(event: Any, order: NewOrder) -> bool:
    said = event.identity
    return bool(said.order_ref == order.order_ref or said.broker_order_id == order.broker_order_id)


@pytest.fixture(scope="module")
def middle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Proxy]]:
    gateway = Gateway(Path(tmp_path_factory.mktemp("gateway")))
    gateway.start()
    proxy = Proxy(gateway.port)
    proxy.start()
    yield gateway, proxy
    proxy.stop()
    gateway.kill()
    gateway.control.close()


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def lasting(middle: tuple[Gateway, Proxy], memory: Memory) -> Iterator[IBSession]:
    session = IBSession(
        name="main", host="127.0.0.1", port=middle[1].port, client_id=1, paper=True, listener=memory
    )
    session.start()
    yield session
    session.stop()


@pytest.fixture
def gateway(middle: tuple[Gateway, Proxy]) -> Gateway:
    return middle[0]


@pytest.fixture
def proxy(middle: tuple[Gateway, Proxy], lasting: IBSession) -> Iterator[Proxy]:
    """Passing everything on, at the beginning and at the end; what a test lost is not waited for after it."""
    yield middle[1]
    middle[1].pass_on()
    if middle[1].lossy:
        middle[1].lossy = False
        began = lasting.connection_started_at
        middle[1].cut()
        eventually(lambda: lasting.connection_started_at not in (began, None), limit=60)


@pytest.fixture
def session(lasting: IBSession, memory: Memory, proxy: Proxy) -> IBSession:
    """The connected session with its gate open, and a memory that is empty."""
    eventually(lambda: open_gate(lasting), limit=60)
    memory.messages.clear()
    memory.lost.clear()
    return lasting


def open_gate(session: IBSession) -> bool:
    """Look and open the gate, as the session's runtime does."""
    if session.link is Link.CONNECTED and (snapshot := attempt(lambda: session.snapshot(20, full=True))):
        session.ready(snapshot)
    return session.link is Link.READY


numbers = count(1)


def order(memory: Memory, **terms: Any) -> NewOrder:
    """A limit order far below the market, with the next id."""
    number = memory.next_id + 1000 + next(numbers)
    return NewOrder(**{
        "order_id": str(number), "order_ref": f"HABIT-{number}", "broker_order_id": number,
        "account": ACCOUNT, "instrument": AAPL, "side": Side.BUY, "order_qty": Decimal(10),
        "ord_type": OrdType.LIMIT, "price": Decimal("1.00"), "time_in_force": TimeInForce.DAY, **terms,
    })  # fmt: skip


def market(memory: Memory) -> NewOrder:
    return order(memory, ord_type=OrdType.MARKET, price=None)


def resting(session: IBSession, memory: Memory) -> NewOrder:
    """An order that works at the gateway."""
    placed = order(memory)
    send(session, placed)
    eventually(lambda: works(memory, placed))
    return placed


def send(session: IBSession, *orders: NewOrder) -> None:
    assert [answer.error for answer in session.place(orders)] == [None] * len(orders)


def works(memory: Memory, placed: NewOrder) -> bool:
    return any(report.status is WorkingStatus.WORKING for report in memory.told(OrderReport, placed))


def snapshot(session: IBSession) -> Snapshot:
    return eventually(lambda: attempt(lambda: session.snapshot(20, full=True)), limit=60)


def attempt(ask: Callable[[], Snapshot]) -> Snapshot | None:
    try:
        return ask()
    except (OutcomeUnknown, BrokerUnavailable):
        return None
