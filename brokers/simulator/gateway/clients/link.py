"""One client's connection as the gateway sees it: who it is, what it subscribed to, what it is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import ErrMsg

#: One step of a long answer: the messages to send next, often none.
Step = Sequence[Record]
# So many steps and messages of long answers are worked out in one go; others are served in between.
_SLICE = 200


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
        self.logged_in_at: datetime | None = None
        self.outbox: list[Record] = []
        self.closing = ""
        #: A message of which only half is sent before the connection is closed.
        self.torn: Record | None = None
        #: Answers too long for one turn; the first is being sent.
        self.answers: deque[Iterator[Step]] = deque()
        #: Whether so much waits to be read by the client that nothing long should be added.
        self.is_full = False
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
        self.untransmitted: dict[int, PlaceOrder] = {}

    def send(self, message: Record) -> None:
        self.outbox.append(message)

    def answer(self, steps: Iterable[Step]) -> None:
        """Answer at length: the first slice now, the others turn by turn, after the answers before it."""
        self.answers.append(iter(steps))
        if len(self.answers) == 1:
            self.go_on()

    def go_on(self) -> None:
        """Send the next slice of the long answers."""
        left = _SLICE
        while self.answers and left > 0:
            step = next(self.answers[0], None)
            if step is None:
                self.answers.popleft()
            else:
                self.outbox += step
                left -= 1 + len(step)

    @property
    def may_go_on(self) -> bool:
        """Whether a long answer waits for its next turn, and the client reads."""
        return bool(self.answers) and not self.is_full

    def publish(self, message: Record) -> None:
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
