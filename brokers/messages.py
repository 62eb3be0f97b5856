"""What goes to a broker and what comes back, in FIX words; immutable, and their own JSON form.

Everything a broker says is one of `BrokerEvent`. The inbox keeps it as JSON (`encode`), next to the
raw callback, so that history can be replayed without the adapter that heard it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from brokers.fix import LegSide, OrdStatus, OrdType, Side, TimeInForce
from brokers.order_attributes import OrderAttributes


class Leg(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One leg of a combination; `side` is what buying the combination does to it."""

    con_id: int
    ratio: int
    side: LegSide
    exchange: str


class InstrumentRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The contract as the adapter needs it: `con_id` is the broker's own number, 0 when not resolved.

    With a con_id the rest is only for people; without one it is the description to be resolved.
    """

    symbol: str
    sec_type: str  # a `SecType`, or the broker's own word for what is not traded here
    exchange: str
    currency: str
    con_id: int = 0
    legs: tuple[Leg, ...] = ()
    maturity: str = ""  # YYYYMM or YYYYMMDD
    strike_price: Decimal | None = None
    put_or_call: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    primary_exchange: str = ""
    multiplier: Decimal = Decimal(1)


class NewOrder(OrderAttributes, frozen=True, kw_only=True, omit_defaults=True):
    """One order as frozen at the claim: exactly these values may be on the wire, never others."""

    order_id: str
    order_ref: str
    broker_order_id: int
    account: str
    instrument: InstrumentRef
    side: Side
    order_qty: Decimal
    ord_type: OrdType
    time_in_force: TimeInForce
    price: Decimal | None = None
    stop_px: Decimal | None = None
    #: The order that this one is attached to, 0 for none: it is worked once that one has executed.
    parent_broker_order_id: int = 0
    #: Orders of one such group end each other; `oca_type` says how, in the broker's numbers.
    oca_group: str = ""
    oca_type: int = 0
    #: Not worked before the last order of its group has arrived.
    wait_for_rest: bool = False
    #: Not to be sent from then on; None: whenever.
    fresh_until: datetime | None = None


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask the broker to cancel the order that we sent under `broker_order_id`."""

    order_id: str
    broker_order_id: int


class ReplaceOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Change the order at the broker to `order`, frozen at the claim like a new one.

    `cum_qty` is what we knew executed then: a quantity not above it means "cancel the balance".
    """

    order_id: str
    request_id: str
    cum_qty: Decimal
    order: NewOrder


#: What gateways say for an order that no client placed, beside 0 and negative numbers.
NO_ORDER_ID = 2**31 - 1


def is_order_id(number: int) -> bool:
    """Whether a number is an order id: orders typed in by hand share 0, negatives or 2147483647."""
    return 0 < number < NO_ORDER_ID


class OrderIdentity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All a broker message says about whose order it is; 0 and "" mean not said.

    Matched by `order_ref`, then `perm_id`, then (`client_id`, `broker_order_id`): design section 4.
    """

    order_ref: str = ""
    perm_id: int = 0
    client_id: int = 0
    broker_order_id: int = 0

    @property
    def has_order_id(self) -> bool:
        """Whether it names an order id of its client."""
        return is_order_id(self.broker_order_id)


class WorkingStatus(StrEnum):
    """What the broker says an order is doing."""

    IN_TRANSIT = "IN_TRANSIT"  # taken by the gateway, proves nothing about the exchange
    HELD = "HELD"  # acknowledged, not working yet
    WORKING = "WORKING"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    STOPPED = "STOPPED"  # guaranteed at a price, not executed
    SUSPENDED = "SUSPENDED"  # held off the market for now
    DONE_FOR_DAY = "DONE_FOR_DAY"
    CALCULATED = "CALCULATED"  # done for the day, and its costs are computed
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    INACTIVE = "INACTIVE"  # not working, for a reason to be looked up
    UNKNOWN = "UNKNOWN"  # a word that the adapter does not know: proves nothing but that the order is there


class ReportedTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The order as the broker describes it; enough to record an order that is not ours."""

    account: str
    instrument: InstrumentRef
    side: str
    order_qty: Decimal
    ord_type: str
    time_in_force: str
    price: Decimal | None = None
    stop_px: Decimal | None = None
    #: Terms that it has beyond these, in the broker's words.
    more: tuple[str, ...] = ()


class OrderReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order_report"):
    """State of an order at the broker. `cum_qty` is absolute, None when the message does not say."""

    identity: OrderIdentity
    status: WorkingStatus
    source: str  # which callback or snapshot said so
    cum_qty: Decimal | None = None
    text: str = ""
    terms: ReportedTerms | None = None
    #: When the complete snapshot began that shows the order so; None when it was told unasked.
    snapshot_at: datetime | None = None
    #: A corporate action changed quantity and price of the order and of what it has executed.
    corporate_action: bool = False
    #: The complete snapshot before showed it as working too, of an order that is over in our books.
    shown_again: bool = False


#: Of the version at the end of an execution's id; longer ones are numbers of something else.
VERSION_DIGITS = 3


class ExecutionReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="execution_report"):
    """One execution. `exec_id` ends in a version; the same root with a higher one replaces it."""

    identity: OrderIdentity
    exec_id: str
    account: str
    instrument: InstrumentRef
    side: str  # a `Side`, or the broker's own word for what is none
    last_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal
    transact_time: datetime
    venue: str = ""
    liquidity: str = ""
    sec_type: str = "STK"  # the broker's own word: executions of others may be of any type
    multiplier: Decimal = Decimal(1)
    #: The status that the broker shows with it; IB shows none.
    ord_status: OrdStatus | None = None

    @property
    def exec_root(self) -> str:
        """What all versions of the execution have in common; empty for an id without a version.

        IB: a correction differs in the digits after the last dot only, ".02" replaces ".01".
        """
        root, _, version = self.exec_id.rpartition(".")
        return root if version.isdigit() and len(version) <= VERSION_DIGITS else ""


class CommissionReport(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="commission_report"
):
    """The cost of one execution; None for what the broker does not know (yet)."""

    exec_id: str
    commission: Decimal | None
    currency: str
    realized_pnl: Decimal | None = None


class Refusal(StrEnum):
    """What an error code on an order means for it; an unknown code is never the end of an order."""

    ORDER_REJECTED = "ORDER_REJECTED"
    REJECTED_IF_NEW = "REJECTED_IF_NEW"  # of an order that was taken before: a request is refused
    ORDER_CANCELED = "ORDER_CANCELED"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    CANCEL_UNDER_WAY = "CANCEL_UNDER_WAY"  # not to be canceled now: its end answers the cancel
    REPLACE_REFUSED = "REPLACE_REFUSED"
    REPLACE_TOO_EARLY = "REPLACE_TOO_EARLY"  # nothing was changed; asking again later may help
    PARENT_GONE = "PARENT_GONE"  # attached to an order that is over: nothing was done; without it it may
    REQUEST_REFUSED = "REQUEST_REFUSED"  # a cancel or a replace: which one, the code does not tell
    LOOK_UP = "LOOK_UP"  # proves nothing: the order may live
    UNKNOWN = "UNKNOWN"  # not in the adapter's table: looked up, and a person should know
    WARNING = "WARNING"


class ErrorReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="error_report"):
    """An error or notice that names an order; `cl_ord_id` is the request it answers, if the broker says."""

    identity: OrderIdentity
    code: int
    text: str
    meaning: Refusal
    cl_ord_id: str = ""


class OrderAbsent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order_absent"):
    """A complete snapshot of the broker (open, completed, executions) did not show this order."""

    order_id: str
    snapshot_id: str
    #: Why that does not prove that it is not there, for a person who decides; empty: it does.
    unproven: str = ""


class ExecutionsMissing(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="executions_missing"
):
    """The broker says that so much of an order was executed and does not show all of its executions."""

    order_id: str
    cum_qty: Decimal


BrokerEvent = OrderReport | ExecutionReport | CommissionReport | ErrorReport | OrderAbsent | ExecutionsMissing


class PositionReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One position; None for what the broker does not know. `avg_cost`: per unit, with the multiplier."""

    account: str
    instrument: InstrumentRef
    position_qty: Decimal | None
    avg_cost: Decimal | None


class AccountValueReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account value; text, because not every value is a number."""

    account: str
    key: str
    value: str
    currency: str = ""


class InstrumentDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the broker says about a contract: the rules that an order in it must keep."""

    instrument: InstrumentRef
    long_name: str
    min_tick: Decimal
    min_size: Decimal
    size_increment: Decimal
    price_magnifier: int = 1
    price_bands: tuple[tuple[Decimal, Decimal], ...] = ()  # (lower edge, step), rising
    order_types: tuple[str, ...] = ()  # our words: order types, times in force, attributes
    exchanges: tuple[str, ...] = ()
    time_zone: str = ""
    trading_hours: tuple[tuple[datetime, datetime], ...] = ()  # UTC
    liquid_hours: tuple[tuple[datetime, datetime], ...] = ()


class Preview(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the broker says an order would do, in the account's currency; None where it does not say."""

    init_margin_before: Decimal | None = None
    init_margin_change: Decimal | None = None
    init_margin_after: Decimal | None = None
    maint_margin_before: Decimal | None = None
    maint_margin_change: Decimal | None = None
    maint_margin_after: Decimal | None = None
    equity_before: Decimal | None = None
    equity_change: Decimal | None = None
    equity_after: Decimal | None = None
    commission: Decimal | None = None
    min_commission: Decimal | None = None
    max_commission: Decimal | None = None
    commission_currency: str = ""
    warning: str = ""


class AdvisorGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Accounts that share an advisor's orders, and how they usually do."""

    name: str
    method: str = ""
    accounts: tuple[str, ...] = ()


class AdvisorReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An advisor's login: its master account, the accounts under it, its groups."""

    master: str
    accounts: tuple[str, ...]
    groups: tuple[AdvisorGroup, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A complete snapshot of the broker: every end marker was seen while the link was up.

    There is no incomplete snapshot: an adapter raises instead, because a failed answer must never be
    read as "nothing there". All callbacks of the snapshot (executions and commissions among them) were
    told to the listener before the snapshot is returned.
    """

    snapshot_id: str
    started_at: datetime
    finished_at: datetime
    connection_started_at: datetime
    #: Whether completed orders were asked for too; without them absence proves nothing.
    full: bool
    #: Whether each account's executions were asked for, where only that tells the shares of group orders;
    #: without them none is missed.
    with_shares: bool = True
    #: What the gateway calls its own time zone: its lists are of its day. Empty when it does not say.
    time_zone: str = ""
    #: The accounts of the gateway's login: of others nothing is shown, so nothing is proven.
    accounts: tuple[str, ...]
    orders: Collection[OrderReport]
    executions: Collection[ExecutionReport]
    positions: tuple[PositionReport, ...]
    account_values: tuple[AccountValueReport, ...]
    #: Of an advisor's login; None for others.
    advisor: AdvisorReport | None = None


class HandedOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Our own note: the order's bytes were given to a live socket at this time."""

    order_id: str
    broker_order_id: int
    sent_at: datetime


_event_decoder: msgspec.json.Decoder[BrokerEvent] = msgspec.json.Decoder(BrokerEvent)


def encode(event: msgspec.Struct) -> bytes:
    """The JSON form of a message."""
    return msgspec.json.encode(event)


def decode_event(body: bytes | str) -> BrokerEvent:
    """A `BrokerEvent` from its JSON form; raises msgspec.ValidationError when it is none."""
    return _event_decoder.decode(body)


def execution_key(report: ExecutionReport) -> str:
    """Inbox key of an execution: the same whether pushed or pulled."""
    return f"exec:{report.account}:{report.exec_id}"


def commission_key(report: CommissionReport) -> str:
    """Inbox key of a commission; another amount or profit for the same execution is another message."""
    amounts = (report.commission, report.realized_pnl)
    said = ":".join("" if amount is None else f"{amount.normalize():f}" for amount in amounts)
    return f"comm:{report.exec_id}:{said}:{report.currency}"
