"""What the gateway remembers of an order, and the facts that change its memory; `state.py` applies them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import ComboPart
from brokers.simulator.wire.records import ComboLeg, Order

ZERO = Decimal(0)


class Status(StrEnum):
    """Order statuses as orderStatus and openOrder say them."""

    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"


DONE = frozenset({Status.CANCELLED, Status.FILLED, Status.INACTIVE})


class OrderRecord(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One order of one client. `order` is what the client sent last; `value` sums up price * quantity."""

    perm_id: int
    client_id: int
    order_id: int
    con_id: int
    exchange: str
    account: str
    order: Order
    received_at: datetime
    status: Status = Status.PRE_SUBMITTED
    filled: Decimal = ZERO
    value: Decimal = ZERO
    last_price: Decimal = ZERO
    commission: Decimal = ZERO
    why_held: str = ""
    elected: bool = False
    place_count: int = 1
    modifications: int = 0
    done_at: datetime | None = None
    completed_status: str = ""
    #: Nothing keeps the order out of the market any more: parent filled, time come, condition met.
    released: bool = False
    #: Where the market has moved a trailing trigger, and the limit of an order that got it on its way.
    trigger: Decimal | None = None
    limit: Decimal | None = None
    parent_perm_id: int = 0
    combo_symbol: str = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    #: For an advisor's order for several accounts: in which proportions they share it.
    allocation: dict[str, Decimal] = {}
    #: The client id and order id that messages tell instead: of one made by hand, or under a number in use.
    told_as: tuple[int, int] | None = None
    #: Until when it is Inactive and yet alive: a precaution, a locate (ib-api: not reliably terminal).
    blocked_until: datetime | None = None

    @property
    def told_ids(self) -> tuple[int, int]:
        """(client id, order id) as messages about it say."""
        return self.told_as or (self.client_id, self.order_id)

    @property
    def is_manual(self) -> bool:
        """Whether it was made by hand: then its id is 0, or negative once client 0 may name it."""
        return self.order_id <= 0

    @property
    def is_done(self) -> bool:
        """Whether the order can no longer change."""
        return self.status in DONE and self.blocked_until is None

    @property
    def quantity(self) -> Decimal:
        """The order's whole quantity."""
        return self.order.total_quantity or ZERO

    @property
    def remaining(self) -> Decimal:
        """What is not filled."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal:
        """Average fill price, to 8 decimals; 0 before the first fill."""
        return round(self.value / self.filled, 8).normalize() if self.filled else ZERO


def combo_parts(legs: Iterable[ComboLeg]) -> tuple[ComboPart, ...]:
    """Return the legs as the exchange knows them: a sold one has a negative ratio."""
    return tuple(
        ComboPart(con_id=leg.con_id, ratio=leg.ratio if leg.action == "BUY" else -leg.ratio) for leg in legs
    )


class Fact(msgspec.Struct, kw_only=True, omit_defaults=True, tag=True, gc=False):
    """Base of what can happen to the gateway's memory."""


class Placed(Fact):
    """A new order was taken in."""

    record: OrderRecord


class Modified(Fact):
    """The terms of an open order were replaced."""

    perm_id: int
    order: Order


class Adjusted(Fact):
    """The market has turned the order into the one that its client wanted it to become."""

    perm_id: int
    order: Order


class Repeated(Fact):
    """A further placeOrder came for a known order and changed nothing."""

    perm_id: int


class StatusChanged(Fact):
    """The order's status is another; `at` and `completed_status` are set when it is done."""

    perm_id: int
    status: Status
    why_held: str = ""
    at: datetime | None = None
    completed_status: str = ""


class Elected(Fact):
    """A stop order was triggered."""

    perm_id: int


class Released(Fact):
    """Nothing keeps the order out of the market any more."""

    perm_id: int


class Moved(Fact):
    """The market gave the order another trigger, another limit or both."""

    perm_id: int
    trigger: Decimal | None = None
    limit: Decimal | None = None


class Blocked(Fact):
    """The order is Inactive, but not for ever."""

    perm_id: int
    until: datetime


class Hedged(Fact):
    """A hedge order's whole quantity is known: its parent is done."""

    perm_id: int
    quantity: Decimal


class Reduced(Fact):
    """The order wants `quantity` less than before."""

    perm_id: int
    quantity: Decimal


class Bound(Fact):
    """A manual order got an order id that client 0 can name it by."""

    perm_id: int
    order_id: int


class Executed(Fact):
    """A fill with its commission; `realized` is set while it is booked."""

    exec_id: str
    perm_id: int
    con_id: int
    account: str
    side: str
    shares: Decimal
    price: Decimal
    at: datetime
    venue: str
    liquidity: int
    cum_qty: Decimal
    avg_price: Decimal
    commission: Decimal
    currency: str
    realized: Decimal | None = None
    #: A corrected version has taken its place.
    is_superseded: bool = False
    #: The execution that this one allocates a part of, to one of several accounts.
    share_of: str = ""


class PositionChanged(Fact):
    """A position changed without an execution; a `SPLIT` costs nothing, all else trades at `price`."""

    account: str
    con_id: int
    kind: str
    quantity: Decimal
    price: Decimal
    of_option: int
    at: datetime
    realized: Decimal | None = None


class Corrected(Fact):
    """An execution has another version; one of no shares is a bust, which costs nothing."""

    of: str
    exec_id: str
    shares: Decimal
    price: Decimal
    commission: Decimal
    #: It was of the other side, so it is not of its order.
    turned: bool = False


class IdsReset(Fact):
    """Order ids begin at 1 again, for every client."""


class DayEnded(Fact):
    """A day is over before its midnight: executions from before are no longer listed."""

    at: datetime


class Forgotten(Fact):
    """These orders were done long ago: they and their executions are kept no longer."""

    perm_ids: list[int]


class IdSeen(Fact):
    """A client saw or used this order id: its next ones must be higher."""

    client_id: int
    order_id: int


class Started(Fact):
    """The memory begins here; `epoch` (seconds) makes its ids differ from those of another beginning."""

    epoch: int
    accounts: list[Account]


class Cleared(Fact):
    """Everything was forgotten but the sequences, which no reset may repeat."""

    accounts: list[Account]


class AccountOpened(Fact):
    """The login has one account more."""

    account: Account


class AdvisorConfigured(Fact):
    """The advisor's groups (1), profiles (2) or aliases (3) are these, as XML."""

    kind: int
    xml: str


class Snapshot(Fact):
    """The whole memory in one fact."""

    epoch: int
    perm_count: int
    exec_count: int
    order_ids: dict[int, int]
    accounts: list[Account]
    records: list[OrderRecord]
    executions: list[Executed]
    advisor: dict[int, str] = {}
    day_began_at: datetime | None = None
    ids_reset_at: int = 0
    changes: list[PositionChanged] = []


AnyFact = (
    Placed
    | Modified
    | Adjusted
    | Repeated
    | StatusChanged
    | Elected
    | Released
    | Moved
    | Blocked
    | Hedged
    | Reduced
    | Bound
    | Executed
    | PositionChanged
    | Forgotten
    | Corrected
    | IdSeen
    | IdsReset
    | DayEnded
    | Started
    | AccountOpened
    | AdvisorConfigured
    | Cleared
    | Snapshot
)
