"""The gateway's whole memory, and the facts that change it.

`State.apply` is the only door: live work and the replay of the journal go through it, so that what is
written down is exactly what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import ComboPart, Universe
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


class OrderRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
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

    @property
    def is_done(self) -> bool:
        """Whether the order can no longer change."""
        return self.status in DONE

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


class Fact(msgspec.Struct, kw_only=True, omit_defaults=True, tag=True):
    """Base of what can happen to the gateway's memory."""


class Placed(Fact):
    """A new order was taken in."""

    record: OrderRecord


class Modified(Fact):
    """The terms of an open order were replaced."""

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


AnyFact = (
    Placed
    | Modified
    | Repeated
    | StatusChanged
    | Elected
    | Released
    | Moved
    | Reduced
    | Bound
    | Executed
    | IdSeen
    | Started
    | AccountOpened
    | AdvisorConfigured
    | Cleared
    | Snapshot
)


class State:
    """Orders, executions, accounts and id sequences; `on_fact` is told of every change after it was made."""

    def __init__(self, universe: Universe, on_fact: Callable[[Fact], None] = lambda fact: None) -> None:
        self.universe = universe
        self.on_fact = on_fact
        self.epoch = 0
        self.perm_count = 0
        self.exec_count = 0
        self.order_ids: dict[int, int] = {}
        self.accounts: dict[str, Account] = {}
        self.advisor: dict[int, str] = {}
        self.orders: dict[int, OrderRecord] = {}
        self.open: dict[int, OrderRecord] = {}
        self.executions: list[Executed] = []
        self._by_order_id: dict[tuple[int, int], OrderRecord] = {}
        self._appliers: dict[type[Fact], Callable[[Any], None]] = {
            Placed: self._placed,
            Modified: self._modified,
            Repeated: self._repeated,
            StatusChanged: self._status_changed,
            Elected: self._elected,
            Released: self._released,
            Moved: self._moved,
            Reduced: self._reduced,
            Bound: self._bound,
            Executed: self._executed,
            IdSeen: self._id_seen,
            Started: self._started,
            Cleared: self._cleared,
            AccountOpened: self._account_opened,
            AdvisorConfigured: self._advisor_configured,
            Snapshot: self._snapshot,
        }

    def apply(self, fact: Fact) -> None:
        """Change the memory by one fact."""
        self._appliers[type(fact)](fact)
        self.on_fact(fact)

    def order(self, client_id: int, order_id: int) -> OrderRecord | None:
        """Return the order that a client calls `order_id`."""
        return self._by_order_id.get((client_id, order_id))

    def open_orders(self, client_id: int | None = None) -> Iterator[OrderRecord]:
        """Yield open orders, of one client or all, oldest first."""
        for record in list(self.open.values()):
            if client_id is None or record.client_id == client_id:
                yield record

    def next_order_id(self, client_id: int) -> int:
        """Return the lowest order id that this client may use for a new order."""
        return self.order_ids.get(client_id, 0) + 1

    def next_perm_id(self) -> int:
        """Return a permId: an int32 that another data directory begun at another time does not have."""
        return (self.epoch // 30 % 2_000) * 1_000_000 + self.perm_count + 1

    def next_exec_id(self) -> str:
        """Return an execution id in the shape of real ones; the last part counts corrections."""
        return f"{self.epoch:08x}.{self.exec_count + 1:08x}.01.01"

    def snapshot(self) -> Snapshot:
        """Return the memory as one fact."""
        return Snapshot(
            epoch=self.epoch,
            perm_count=self.perm_count,
            exec_count=self.exec_count,
            order_ids=self.order_ids,
            accounts=list(self.accounts.values()),
            records=list(self.orders.values()),
            executions=self.executions,
            advisor=self.advisor,
        )

    def _started(self, fact: Started) -> None:
        self.epoch = fact.epoch
        self.accounts = {account.name: account for account in fact.accounts}

    def _account_opened(self, fact: AccountOpened) -> None:
        self.accounts[fact.account.name] = fact.account

    def _advisor_configured(self, fact: AdvisorConfigured) -> None:
        self.advisor[fact.kind] = fact.xml

    def _placed(self, fact: Placed) -> None:
        record = fact.record
        self.perm_count += 1
        self._remember(record)
        self._use_id(record.client_id, record.order_id)

    def _remember(self, record: OrderRecord) -> None:
        if record.combo_legs:
            self.universe.add_combo(record.combo_symbol, record.exchange, combo_parts(record.combo_legs))
        self.orders[record.perm_id] = record
        self._by_order_id[record.client_id, record.order_id] = record
        if not record.is_done:
            self.open[record.perm_id] = record

    def _modified(self, fact: Modified) -> None:
        record = self.orders[fact.perm_id]
        record.order = fact.order
        record.trigger = record.limit = None
        record.modifications += 1
        record.place_count += 1

    def _repeated(self, fact: Repeated) -> None:
        self.orders[fact.perm_id].place_count += 1

    def _status_changed(self, fact: StatusChanged) -> None:
        record = self.orders[fact.perm_id]
        record.status = fact.status
        record.why_held = fact.why_held
        if record.is_done:
            record.done_at = fact.at
            record.completed_status = fact.completed_status
            self.open.pop(fact.perm_id, None)

    def _elected(self, fact: Elected) -> None:
        self.orders[fact.perm_id].elected = True

    def _released(self, fact: Released) -> None:
        self.orders[fact.perm_id].released = True

    def _moved(self, fact: Moved) -> None:
        record = self.orders[fact.perm_id]
        record.trigger = fact.trigger if fact.trigger is not None else record.trigger
        record.limit = fact.limit if fact.limit is not None else record.limit

    def _reduced(self, fact: Reduced) -> None:
        order = self.orders[fact.perm_id].order
        order.total_quantity = (order.total_quantity or ZERO) - fact.quantity

    def _bound(self, fact: Bound) -> None:
        record = self.orders[fact.perm_id]
        record.order_id = fact.order_id
        self._by_order_id[record.client_id, fact.order_id] = record

    def _executed(self, fact: Executed) -> None:
        record = self.orders[fact.perm_id]
        if fact.con_id == record.con_id:
            record.filled += fact.shares
            record.value += fact.shares * fact.price
            record.last_price = fact.price
        record.commission += fact.commission
        quantity = fact.shares if fact.side == "BUY" else -fact.shares
        instrument = self.universe[fact.con_id]
        if not instrument.legs:
            account = self.accounts[fact.account]
            fact.realized = account.trade(instrument, quantity, fact.price, fact.commission)
        self.exec_count += 1
        self.executions.append(fact)

    def _id_seen(self, fact: IdSeen) -> None:
        self._use_id(fact.client_id, fact.order_id)

    def _use_id(self, client_id: int, order_id: int) -> None:
        self.order_ids[client_id] = max(order_id, self.order_ids.get(client_id, 0))

    def _cleared(self, fact: Cleared) -> None:
        self.accounts = {account.name: account for account in fact.accounts}
        self.order_ids, self.orders, self.open = {}, {}, {}
        self.executions, self._by_order_id = [], {}

    def _snapshot(self, fact: Snapshot) -> None:
        self._cleared(Cleared(accounts=fact.accounts))
        self.epoch, self.perm_count, self.exec_count = fact.epoch, fact.perm_count, fact.exec_count
        self.order_ids, self.executions = fact.order_ids, fact.executions
        self.advisor = fact.advisor
        for record in fact.records:
            self._remember(record)
