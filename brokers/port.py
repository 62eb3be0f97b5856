"""The port: what any broker connection must be able to do, and what it calls back.

One implementation exists for Interactive Brokers (`brokers.ib.session.IBSession`); settings name it
by dotted path. What a broker says and does beyond the port, its package declares (`brokers.capabilities`).
All methods may be called from any thread and never block longer than their timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from brokers.errors import BrokerError
from brokers.market import LiveQuote, MarketView, ProfitReport
from brokers.messages import (
    BrokerEvent,
    CancelOrder,
    HandedOver,
    InstrumentDetails,
    InstrumentRef,
    NewOrder,
    PositionReport,
    Preview,
    ReplaceOrder,
    Snapshot,
)
from brokers.threads import RestartableThread


class Link(StrEnum):
    """How far the way to the broker is open."""

    DOWN = "DOWN"  # no connection to the gateway
    CONNECTED = "CONNECTED"  # gateway reached, not reconciled since
    BROKER_LOST = "BROKER_LOST"  # gateway reached, but it has lost the broker (1100, 2110)
    READY = "READY"  # reconciled since the last (re)connect: new orders may go out


@dataclass(frozen=True, kw_only=True)
class InboundMessage:
    """One raw callback, or one row of a snapshot, with its meaning: what the inbox stores."""

    event: BrokerEvent
    dedup_key: str
    raw: dict[str, Any]
    received_at: datetime
    #: What a row of a snapshot is about. The next snapshot says it anew, so one that is parked is not
    #: tried again, and takes the place of an earlier one about the same.
    topic: str = ""
    #: To be called when the message was neither stored nor parked: told again, it is news.
    forget: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


class Listener(Protocol):
    """Who is told. Called on the adapter's own loop: implementations only enqueue, never wait."""

    def on_message(self, message: InboundMessage) -> None:
        """A broker event arrived."""

    def handed_over(self, note: HandedOver) -> None:
        """An order's bytes were given to a live socket."""

    def link_changed(self, link: Link, reason: str) -> None:
        """The link opened or closed; `reason` is for people."""

    def connection_failed(self) -> None:
        """The gateway refused a connection, closed it or missed a probe: once for each failure."""

    def next_valid_id(self, broker_order_id: int) -> None:
        """The lowest order id that the gateway will take."""

    def alarm(self, subject: str, text: str) -> None:
        """Something that a person should know; what was said of orders may have been missed."""

    def position_seen(self, report: PositionReport) -> None:
        """A position as the broker reports it, whenever it changes."""

    def price_seen(self, con_id: int, name: str, value: str) -> None:
        """A figure of a watched instrument (`market.FIGURES`), a decimal text; empty: there is none now."""

    def quote_changed(self, con_id: int, quote: LiveQuote) -> None:
        """The quote of a watched instrument is another one; the same object each time."""

    def profit_seen(self, report: ProfitReport) -> None:
        """Profit and loss of an account or of one of its positions, about once a second."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Answer for one command of a batch: handed over, or the error that stopped it."""

    order_id: str
    error: BrokerError | None = None


class BrokerSession(Protocol):
    """One connection to one gateway under one client id, with its own thread."""

    @property
    def thread(self) -> RestartableThread:
        """The session's thread: started again after it has ended, it makes a new connection."""

    @property
    def link(self) -> Link:
        """The link as of now."""

    @property
    def connection_started_at(self) -> datetime | None:
        """When the present connection was made; None while down."""

    @property
    def server_version(self) -> int | None:
        """The version of the broker's protocol that both ends agreed on; None while down, or without any."""

    def start(self) -> None:
        """Start the thread that connects, and connects again until `stop`."""

    def stop(self) -> None:
        """Disconnect and end the thread."""

    def place(self, orders: Sequence[NewOrder]) -> list[Sent]:
        """Hand orders to the socket, in this order; one answer each.

        An answer's error is BrokerUnavailable (nothing left), BrokerRefused (definite no) or
        OutcomeUnknown.
        """

    def cancel(self, cancels: Sequence[CancelOrder]) -> list[Sent]:
        """Hand cancels to the socket, in this order; one answer each."""

    def cancel_everything(self) -> Sent:
        """Ask for the cancel of all that is open in the login, whoever placed it; only snapshots show it."""

    def replace(self, replaces: Sequence[ReplaceOrder]) -> list[Sent]:
        """Hand changed terms to the socket, in this order; one answer each, like `place`."""

    def snapshot(self, timeout: float, *, full: bool) -> Snapshot:
        """A snapshot of the broker; raises BrokerUnavailable or OutcomeUnknown when it is not complete.

        Open orders, executions, positions and account values; with `full` the day's completed orders
        too (many, late in the day).
        """

    def reconnect(self, reason: str) -> None:
        """Give the connection up and make a new one: what was told on the old one has been missed."""

    def ready(self, snapshot: Snapshot) -> None:
        """The snapshot has been applied: the gate may open, if it is of the present connection."""

    def refuse(self, reason: str) -> None:
        """The gateway is reached and not to be used; `reason` is shown with the link."""

    @property
    def clock_ahead(self) -> float:
        """Seconds by which the broker's clock is ahead of ours at least, 0 where it may be right."""

    def instrument_details(self, instrument: InstrumentRef, timeout: float) -> list[InstrumentDetails]:
        """What the broker knows under this description; an empty list when there is no such contract."""

    def preview(self, order: NewOrder, timeout: float) -> Preview:
        """What the order would do to the account; nothing is placed. `broker_order_id` must be a fresh one.

        Raises BrokerRefused with the broker's words for an order that it would not take.
        """

    def watch(self, instruments: Sequence[InstrumentRef]) -> None:
        """Have prices told of exactly these instruments, on this and every later connection."""

    def market(self, instruments: Sequence[InstrumentRef], timeout: float) -> list[MarketView]:
        """Quotes and order books of these as last told; books of others are not asked for any more.

        For people who look. Subscriptions take their time, so the first views are empty. Raises
        BrokerUnavailable or OutcomeUnknown when the session's thread does not answer.
        """

    def follow_profits(self, wanted: Collection[tuple[str, int]]) -> None:
        """Have profit and loss told of exactly these (account, con_id); con_id 0 is the whole account."""
