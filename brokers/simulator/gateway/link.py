"""One client's connection as the gateway sees it: who it is, what it asked to be told, what it is told."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import ErrMsg


class Subscription:
    """A streaming market data request, and the last value sent of every tick type."""

    def __init__(self, con_id: int) -> None:
        self.con_id = con_id
        self.is_delayed = False
        self.has_rt_volume = False
        self.sent: dict[int, tuple[Decimal, Decimal]] = {}


class Pace:
    """How much a client sent in this second (which began at `since`), and in how many it was too much."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        self.received = 0
        self.violations = 0


class Link:
    """A connected client. Messages for it collect in `outbox`; `closing` holds why it is to be closed."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.client_id: int | None = None
        self.outbox: list[Record] = []
        self.closing = ""
        #: A message of which only half is sent before the connection is closed.
        self.torn: Record | None = None
        #: Messages that faults held back until now.
        self.late: list[Record] = []
        #: The other end is gone without a word: nothing goes through any more, nothing is closed.
        self.is_half_open = False
        self.pace = Pace()
        #: Unasked messages that wait because the gateway has lost IB; None while it has not.
        self.withheld: list[Record] | None = None
        self.wants_positions = False
        self.account_updates = ""
        self.market_data: dict[int, Subscription] = {}
        self.summaries: dict[int, tuple[str, tuple[str, ...]]] = {}
        self.position_requests: dict[int, str] = {}
        self.update_requests: dict[int, str] = {}
        self.pnl_requests: dict[int, str] = {}
        self.pnl_single_requests: dict[int, tuple[str, int]] = {}
        #: Whether client 0 wants ids for orders that are made by hand from here on.
        self.auto_bind = False
        #: Orders sent with transmit off: they live in this session only.
        self.held_orders: dict[int, PlaceOrder] = {}

    def send(self, message: Record) -> None:
        self.outbox.append(message)

    def tell(self, message: Record) -> None:
        """Send what IB reports unasked; without a link to IB it waits."""
        (self.outbox if self.withheld is None else self.withheld).append(message)

    def release(self) -> None:
        """Send what waited."""
        self.outbox += self.withheld or []
        self.withheld = None

    def error(self, req_id: int, code: int, text: str) -> None:
        """Send an error or a notice; `req_id` -1 for those of the system."""
        self.send(ErrMsg(req_id=req_id, code=code, text=text))

    def drop(self, reason: str) -> None:
        """Close the connection with everything unsaid."""
        self.outbox.clear()
        self.close(reason)

    def close(self, reason: str) -> None:
        """Ask the shell to close the connection once the outbox is sent."""
        self.closing = self.closing or reason
