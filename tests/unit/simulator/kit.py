"""A gateway to talk to in tests: its clock stands still until it is moved, its clients are lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.exchange.universe import load_universe
from brokers.simulator.faults.fault import Fault
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.gateway.memory.facts import Fact
from brokers.simulator.gateway.timetable import MARKET_STEP
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Contract, Order, Record
from brokers.simulator.wire.server import ErrMsg, ExecutionData, OrderStatus

M = TypeVar("M", bound=Record)
UNIVERSE = load_universe()
AAPL = 265598
#: What is told of an order that works, and of one that is cancelled.
WORKING = [
    "OpenOrder PreSubmitted",
    "OrderStatus PreSubmitted",
    "OpenOrder Submitted",
    "OrderStatus Submitted",
]
CANCELED = ["OrderStatus PendingCancel", "OrderStatus Cancelled", "ErrMsg 202"]


class Bench:
    """A gateway with a clock of its own and client 1 connected as `link`."""

    def __init__(self, seed: int = 0, universe: Universe = UNIVERSE, **options: Any) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
        self.facts: list[Fact] = []
        self.gateway = Gateway(universe, clock=lambda: self.now, seed=seed, **options)
        self.gateway.begin(self.facts.append)
        self.link = self.connect(1)

    def connect(self, client_id: int, version: int = 178) -> Link:
        link = Link(version)
        self.gateway.handle(link, requests.StartApi(client_id=client_id))
        link.outbox.clear()
        return link

    def send(self, message: Record, link: Link | None = None) -> list[Record]:
        """Send a message and return everything that was answered to that client in this turn."""
        link = link or self.link
        self.gateway.handle(link, message)
        return self.received(link)

    def received(self, link: Link | None = None) -> list[Record]:
        link = link or self.link
        self.gateway.end_turn()
        received, link.outbox = link.outbox, []
        return received

    def place(self, order_id: int, link: Link | None = None, **terms: Any) -> list[Record]:
        return self.send(place(order_id, **terms), link)

    def cancel(self, order_id: int, link: Link | None = None) -> list[Record]:
        return self.send(requests.CancelOrder(order_id=order_id), link)

    def move(self, price: str, symbol: str = "AAPL") -> list[Record]:
        self.gateway.move_market(symbol, Decimal(price))
        return self.received()

    def step(self, times: int = 1) -> list[Record]:
        for _ in range(times):
            self.now += MARKET_STEP
            self.gateway.pass_time()
        return self.received()

    def skip(self, time: timedelta) -> list[Record]:
        self.now += time
        self.gateway.pass_time()
        return self.received()


def contract(symbol: str = "AAPL", **fields: Any) -> Contract:
    stock = {"sec_type": "STK", "exchange": "SMART", "currency": "USD"}
    return Contract(symbol=symbol, **(stock | fields))


def place(order_id: int, symbol: str = "AAPL", **terms: Any) -> PlaceOrder:
    """Buy 100 at the market unless `terms` say otherwise; prices and quantities may be strings."""
    numbers = {
        name: Decimal(str(terms.pop(name)))
        for name in ("total_quantity", "lmt_price", "aux_price")
        if name in terms
    }
    what = terms.pop("contract", None) or contract(symbol)
    plain = {"action": "BUY", "total_quantity": Decimal(100), "order_type": "MKT", "tif": "DAY"}
    return PlaceOrder(order_id=order_id, contract=what, order=Order(**(plain | numbers | terms)))


def limit(order_id: int, price: object, **terms: Any) -> PlaceOrder:
    return place(order_id, order_type="LMT", lmt_price=price, **terms)


def arm(bench: Bench, kind: str, **fields: Any) -> None:
    bench.gateway.faults.add(Fault(kind=kind, **fields))


def rest(bench: Bench, order_id: int = 1, **terms: Any) -> list[Record]:
    """Place an order that nobody wants to trade with."""
    return bench.send(limit(order_id, "200.00", **terms))


def wait(bench: Bench, milliseconds: int) -> list[Record]:
    return bench.skip(timedelta(milliseconds=milliseconds))


def executions(bench: Bench) -> list[ExecutionData]:
    return only(ExecutionData, bench.send(requests.ReqExecutions(req_id=1)))


def only(kind: type[M], messages: list[Record]) -> list[M]:
    return [message for message in messages if isinstance(message, kind)]


def errors(messages: list[Record]) -> list[int]:
    return [message.code for message in only(ErrMsg, messages)]


def story(messages: list[Record]) -> list[str]:
    """Say what happened in short: message names, with the status or the code they carry."""
    return [_tell(message) for message in messages]


def _tell(message: Record) -> str:
    name = type(message).__name__
    if isinstance(message, OpenOrder):
        return f"{name} {message.state.status}" + (" commission" if message.state.commission else "")
    if isinstance(message, OrderStatus):
        return f"{name} {message.status}"
    if isinstance(message, ErrMsg):
        return f"{name} {message.code}"
    return name
