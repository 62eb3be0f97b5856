"""Raw messages of a gateway, as the socket brings them, on their whole way to the books."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from brokers.gate.breaker import Breaker
from brokers.ib.callbacks import Callbacks
from brokers.ib.client import GreetedClient, new_client
from brokers.ib.prices import Prices
from brokers.ib.requests import Requests
from brokers.ib.times import GatewayTimes
from brokers.inbox.parking import apply_or_park
from brokers.messages import PositionReport
from brokers.port import InboundMessage
from brokers.postgres import clock
from orders.booking.flags import SessionFlags
from orders.booking.parked import rearm_parked, retry_parked
from orders.session.applier import SessionApplier
from tests.unit.brokers.test_callbacks import Memory, Unconnected

UNKNOWN = "1.7976931348623157E308"


def places(names: str) -> dict[str, int]:
    """Where a message says what, by the order of its fields."""
    return {name: place for place, name in enumerate(names.split())}


RECORDED = Path(__file__).parents[2] / "data/golden/tws_messages.jsonl"
#: Where messages of server version 176 name a profile of an advisor, which 178 does not have.
PROFILE = 34
OPEN_ORDER_PLACES = places(
    "_ orderId conId symbol secType maturity strike right multiplier exchange currency localSymbol "
    "tradingClass action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin "
    "orderRef clientId permId"
)
OUR_ORDER = {
    "orderId": 42, "conId": 265598, "symbol": "AAPL", "secType": "STK", "maturity": "", "multiplier": "",
    "exchange": "SMART", "currency": "USD", "localSymbol": "AAPL", "totalQuantity": 10, "lmtPrice": 200.0,
    "tif": "DAY", "clientId": 1, "permId": 1700000001,
}  # fmt: skip
EXECUTION = [
    "11", "-1", "42", "265598", "AAPL", "STK", "", "0.0", "", "", "", "USD", "AAPL", "NMS",
    "0000e0d5.6a01.01.01", "", "DU1234567", "NASDAQ", "BOT", "10", "200.0", "1700000001", "1", "0", "10",
    "200.0", "", "", "", "", "2", "0",
]  # fmt: skip
EXECUTION_PLACES = places(
    "_ reqId orderId conId symbol secType maturity strike right multiplier exchange currency localSymbol "
    "tradingClass execId time account venue side shares price permId clientId liquidation cumQty avgPrice "
    "orderRef"
)


class Listener(Memory):
    """Remembers alarms and positions too."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms: list[tuple[str, str]] = []
        self.positions: list[PositionReport] = []

    def alarm(self, subject: str, text: str) -> None:
        self.alarms.append((subject, text))

    def position_seen(self, report: PositionReport) -> None:
        self.positions.append(report)


class RawGateway:
    """Says messages to a client of ours; what it said is in the books at once."""

    def __init__(self) -> None:
        self.listener = Listener()
        self.codes: list[int] = []
        self.requests = Requests()
        self.callbacks = Callbacks(
            connection_id="c1",
            client_id=1,
            listener=self.listener,  # type: ignore[arg-type]
            requests=self.requests,
            prices=Prices(Unconnected(self.listener)),
            on_link_code=lambda code, text: self.codes.append(code),
            times=GatewayTimes("main", None, self.listener),  # type: ignore[arg-type]
        )
        self.client: GreetedClient = new_client(self.callbacks)
        self.client._apiReady = True
        self.client.decoder.serverVersion = 178
        self.flags = SessionFlags()
        self.applier = SessionApplier("main", self.flags, Breaker(5, 15), on_link=list)

    def say(self, *frames: list[str] | bytes) -> None:
        """All of them in one write, then what became ripe of earlier ones."""
        bodies = [f if isinstance(f, bytes) else b"".join(str(x).encode() + b"\0" for x in f) for f in frames]
        self.client._onSocketHasData(b"".join(len(body).to_bytes(4) + body for body in bodies))
        heard: list[InboundMessage] = list(self.listener.messages)
        self.listener.messages.clear()
        apply_or_park(self.applier, heard)
        rearm_parked("main")
        retry_parked("main", self.flags)


def _filled_in(template: list[str], places: dict[str, int], said: dict[str, Any]) -> list[str]:
    fields = list(template)
    for name, value in said.items():
        fields[places[name]] = str(value)
    return fields


@cache
def recorded_open_order() -> list[str]:
    """A limit order as a gateway has told it, in the words of server version 178."""
    rows = map(json.loads, RECORDED.read_text().splitlines())
    fields: list[str] = next(row["fields"] for row in rows if row["id"] == "s2c-openOrder-176-001")
    return [*fields[:PROFILE], *fields[PROFILE + 1 :]]


def open_order(status: str = "Submitted", **said: Any) -> list[str]:
    """openOrder (5): our order, but for what is said otherwise."""
    fields = _filled_in(recorded_open_order(), OPEN_ORDER_PLACES, {**OUR_ORDER, **said})
    fields[fields.index("Submitted")] = status
    return fields


def execution(**said: Any) -> list[str]:
    """execDetails (11)."""
    said.setdefault("time", f"{clock.now():%Y%m%d %H:%M:%S} UTC")
    return _filled_in(EXECUTION, EXECUTION_PLACES, said)


def status(
    word: str, filled: Any = 0, *, order_id: Any = 42, perm_id: Any = 1700000001, why: str = ""
) -> list[str]:
    """orderStatus (3)."""
    numbers = [order_id, word, filled, 10, 0, perm_id, 0, 0, 1, why, 0]
    return ["3", *map(str, numbers)]


def commission(amount: Any = "1.0", currency: str = "USD", pnl: Any = UNKNOWN, **said: Any) -> list[str]:
    """commissionReport (59)."""
    told = {"execId": "0000e0d5.6a01.01.01", "yield": UNKNOWN, "redemption": "", **said}
    return ["59", "1", told["execId"], str(amount), currency, str(pnl), told["yield"], told["redemption"]]


def error(code: Any, text: str = "words", order_id: Any = 42) -> list[str]:
    """errMsg (4)."""
    return ["4", "2", str(order_id), str(code), text, ""]


def position(quantity: Any, cost: Any, **said: Any) -> list[str]:
    """position (61)."""
    told = {"account": "DU1234567", "conId": "265598", "symbol": "AAPL", "secType": "STK", **said}
    return [
        "61", "3", told["account"], told["conId"], told["symbol"], told["secType"], "", "0.0", "", "", "",
        "USD", told["symbol"], "NMS", str(quantity), str(cost),
    ]  # fmt: skip
