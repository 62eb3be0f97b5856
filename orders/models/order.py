"""The order: its terms, its identity at the broker, its quantities and its times."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q, Value

from brokers.fix import LASTING, OrdStatus, SecType, Side
from orders.models.event import EventKind, OrderEvent
from orders.models.lifecycle import Cause, OrderLifecycle
from orders.models.outbox import Priority
from orders.models.states import ALIVE, EXECUTED, OPEN_REQUESTS, State
from orders.models.terms import Terms
from orders.models.trade_date import DayQuantities, trade_date


def choices(words: Any) -> list[tuple[str, str]]:
    """Django choices of a StrEnum."""
    return [(word.value, word.value) for word in words]


class Source(models.TextChoices):
    """Who gave the order."""

    API = "API"
    DESK = "DESK"
    SLICER = "SLICER"  # a slice of a parent order of ours
    EXTERNAL = "EXTERNAL"  # another client of the broker, or somebody's hands in TWS


class OnUnconfirmed(models.TextChoices):
    """What follows when an unconfirmed order is proven absent from the broker."""

    RESEND = "resend"
    HOLD = "hold"


class IfBrokerDown(models.TextChoices):
    """What a new order does while the broker cannot be reached."""

    QUEUE = "queue"
    REJECT = "reject"


class IfBacklog(models.TextChoices):
    """What a new order does when it would wait behind others for longer than it is fresh."""

    QUEUE = "queue"
    REJECT = "reject"


#: Among the accounts of who sees them all: orders of no single account.
GROUP_ORDERS = ""
ZERO = Decimal(0)
#: In place of what the database gives a new event. Named, it spares Django the search for the column's
#: default, a quarter of making an event, of which an order has nine.
BY_DATABASE = Value(None)


def of_accounts(accounts: Collection[str], path: str = "account") -> Q:
    """Orders of these accounts; `path` leads from a row to the account of its order."""
    group = Q(**{f"{path}__isnull": True}) if GROUP_ORDERS in accounts else Q()
    return Q(**{f"{path}__in": [code for code in accounts if code != GROUP_ORDERS]}) | group


class TradedContract(NamedTuple):
    """The contract of an order, as far as it tells somebody else's order from this one."""

    sec_type: str
    con_id: int | None
    symbol: str
    legs: list[dict[str, Any]]


class Order(OrderLifecycle):
    """One order of one account. `leaves_qty` and `ord_status` are computed, never stored."""

    #: Of a group order: the accounts of the advisor's login, of which each may get a share.
    sharers: frozenset[str] = frozenset()

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    client = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="orders", db_index=False
    )
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.API)
    cl_ord_id = models.CharField(max_length=64)
    request_hash = models.CharField(max_length=64, blank=True)
    order_ref = models.CharField(max_length=64, unique=True)
    attempt = models.SmallIntegerField(default=1)

    #: None for an advisor's order for several accounts: each execution names its own.
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.PROTECT, null=True, related_name="orders", db_index=False
    )
    session = models.ForeignKey(
        "brokers.GatewaySession", on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    instrument = models.ForeignKey(
        "brokers.Instrument", on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    side = models.CharField(max_length=12, choices=choices(Side))
    order_qty = models.DecimalField(max_digits=28, decimal_places=10)
    ord_type = models.CharField(max_length=16)
    price = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    stop_px = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    time_in_force = models.CharField(max_length=8)
    #: The optional terms that were given: a `brokers.order_attributes.Special` as JSON.
    special = models.JSONField(default=dict, blank=True)

    #: The order that this one is a slice of. Here and below: an index of only those that have one is in Meta.
    parent = models.ForeignKey(
        "orders.SlicedOrder",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        db_index=False,
    )
    group = models.ForeignKey(
        "orders.OrderGroup",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        db_index=False,
    )
    #: Place in its group; of a bracket, 0 is the entry.
    group_rank = models.SmallIntegerField(null=True, blank=True)
    #: What ties it to others at the broker: fields of `brokers.messages.NewOrder`.
    links = models.JSONField(default=dict, blank=True)

    #: What a second person must agree to before it can be sent; None for most.
    approval = models.ForeignKey(
        "orders.Approval",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        db_index=False,
    )

    on_unconfirmed = models.CharField(
        max_length=8, choices=OnUnconfirmed.choices, default=OnUnconfirmed.RESEND
    )
    if_broker_down = models.CharField(max_length=8, choices=IfBrokerDown.choices, default=IfBrokerDown.QUEUE)
    if_backlog = models.CharField(
        max_length=8, choices=IfBacklog.choices, default=IfBacklog.QUEUE, db_default=IfBacklog.QUEUE
    )
    #: What it is placed for, in the client's words; empty: for nothing in particular.
    strategy = models.CharField(max_length=32, blank=True, default="")
    reduce_only = models.BooleanField(default=False, help_text="It never grows or turns a position.")
    fresh_until = models.DateTimeField(help_text="Not sent after this time: FAILED with reason STALE.")

    cum_qty = models.DecimalField(default=Decimal(0), max_digits=28, decimal_places=10)
    avg_px = models.DecimalField(default=Decimal(0), max_digits=28, decimal_places=10)
    #: The last trading day with an execution, and what was executed on it: see `day_quantities`.
    trade_date = models.DateField(null=True, blank=True)
    day_cum_qty = models.DecimalField(default=Decimal(0), max_digits=28, decimal_places=10)
    day_avg_px = models.DecimalField(default=Decimal(0), max_digits=28, decimal_places=10)
    reason_code = models.CharField(max_length=40, blank=True, default="")
    reason_text = models.TextField(blank=True, default="")
    check_report = models.JSONField(default=list)
    #: By which rules it was last checked, and when: it is sent only while that is so (`entry.recheck`).
    ruleset = models.UUIDField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    #: Of one that may only shrink a position, what its check saw: a `pg_snapshot`; empty for all others. NULL
    #: tells that a process of the version before recorded it (ADR 57).
    checked_snapshot = models.TextField(null=True, blank=True, default="")  # noqa: DJ001

    perm_id = models.BigIntegerField(null=True, blank=True)
    broker_client_id = models.IntegerField(null=True, blank=True)
    broker_order_id = models.BigIntegerField(null=True, blank=True)
    lease_epoch = models.BigIntegerField(null=True, blank=True)

    ack_deadline = models.DateTimeField(null=True, blank=True)
    unconfirmed_at = models.DateTimeField(null=True, blank=True)
    absent_rounds = models.SmallIntegerField(default=0)
    absent_snapshot = models.CharField(max_length=40, blank=True, default="")
    held_for_desk = models.BooleanField(default=False)
    overfilled = models.BooleanField(default=False, help_text="More executed than was ever ordered.")
    commission_missing = models.BooleanField(default=False, help_text="Filled, and past the grace.")
    standing = models.CharField(
        max_length=16, blank=True, default="", help_text="Done for the day, calculated, stopped, suspended."
    )
    closed_as = models.CharField(
        max_length=20,
        blank=True,
        default="",
        help_text="How a filled order ended.",
    )
    version = models.IntegerField(default=0)

    #: The last price known when the request came: what slippage is measured against.
    arrival_px = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    first_fill_at = models.DateTimeField(null=True, blank=True)
    last_fill_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("override_limit", "Can override the warnings of soft limits"),
            ("view_all_accounts", "Can see the orders of every account"),
            ("place_order", "Can place an order"),
            ("replace_order", "Can ask for other terms of an order"),
            ("cancel_order", "Can ask for the cancel of an order"),
            ("review_order", "Can mark a refused or failed order as reviewed"),
            ("resolve_order", "Can decide about an order that is held for the desk"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["client", "cl_ord_id"], name="order_unique_cl_ord_id"),
            models.UniqueConstraint(
                fields=["account", "perm_id"], condition=Q(source="EXTERNAL"), name="order_unique_external"
            ),
            models.CheckConstraint(condition=Q(order_qty__gt=0), name="order_qty_positive"),
            # Lists look for each side by itself: one that they do not know would be seen nowhere.
            models.CheckConstraint(condition=Q(side__in=[s.value for s in Side]), name="order_side_known"),
            models.CheckConstraint(condition=Q(cum_qty__gte=0), name="order_cum_qty_not_negative"),
            models.CheckConstraint(
                condition=~Q(state__in=[s.value for s in ALIVE]) | Q(cum_qty__lte=F("order_qty")),
                name="order_cum_qty_within_order_qty_while_alive",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["FILLED", "COMPLETED"]) | Q(cum_qty__gte=F("order_qty")),
                name="order_filled_means_all_executed",
            ),
        ]
        indexes = [
            models.Index(fields=["perm_id"], condition=Q(perm_id__isnull=False), name="order_perm_id"),
            models.Index(
                fields=["session", "broker_order_id"],
                condition=Q(broker_order_id__isnull=False),
                name="order_broker_order_id",
            ),
            # Everything that still moves; small, however many orders are stored.
            models.Index(
                fields=["session", "state"],
                condition=Q(state__in=[*(s.value for s in ALIVE), "FILLED"]),
                name="order_moving",
            ),
            # The lists (orders.order_search): each is walked in its own order, none is sorted.
            models.Index(fields=["account", "side", "-id"], name="order_account_side"),
            models.Index(fields=["-id"], condition=Q(account=None), name="order_group"),
            models.Index(fields=["account", "state", "side", "-id"], name="order_account_state_side"),
            models.Index(
                fields=["account", "instrument", "state", "side", "-id"],
                name="order_instrument_state",
            ),
            # A person types an id's first letters, an app asks for one: by `=` and by LIKE, in any collation.
            models.Index(fields=["cl_ord_id"], opclasses=["varchar_pattern_ops"], name="order_cl_ord_id"),
            # What the broker says beside the state: few orders, in any of them.
            models.Index(
                fields=["account", "standing", "-id"], condition=~Q(standing=""), name="order_standing"
            ),
            models.Index(
                fields=["account", "strategy", "-id"], condition=~Q(strategy=""), name="order_strategy"
            ),
            models.Index(fields=["account", "-id"], condition=Q(reduce_only=True), name="order_reduce_only"),
            # Not of the many without one: each would be an entry to write, and "none" is no way to find any.
            models.Index(fields=["parent"], condition=Q(parent__isnull=False), name="order_parent"),
            models.Index(fields=["group"], condition=Q(group__isnull=False), name="order_of_group"),
            models.Index(fields=["approval"], condition=Q(approval__isnull=False), name="order_approval"),
            # What changed today, an order of last month too: a few bytes for each hundred pages.
            BrinIndex(fields=["updated_at"], name="order_changed_day"),
            # What a person may have to look at: counted on every page of the desk.
            models.Index(
                fields=["id"],
                condition=Q(state__in=["UNCONFIRMED", "REJECTED", "FAILED"]) | Q(held_for_desk=True),
                name="order_attention",
            ),
        ]

    #: Only while it is recorded: what goes first, how many are ahead of it and may be (`entry.backlog`).
    priority: int = Priority.RESTING
    ahead: int = 0
    most_ahead: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Events noted in memory, written by `store.orders` together with the row.
        self.pending_events: list[OrderEvent] = []
        #: By the id of a warning, by whom and why it is overridden: only while the order is being checked.
        self.overrides: dict[str, str] = {}
        #: What it was worth when it was drafted, at most and in its own currency; None: not valued yet.
        self.worth: Decimal | None = None
        #: Facts that changed without being news (a perm_id learned late): stored, but no event.
        self.touched = False

    def __str__(self) -> str:
        return self.cl_ord_id

    def recorded_overrides(self) -> dict[str, str]:
        """The warnings that were overridden when it was recorded, by whom and why."""
        return {check["id"]: check["overridden"] for check in self.check_report if check.get("overridden")}

    @property
    def waits_too_long(self) -> bool:
        """Whether more is ahead of it than it may wait for."""
        return self.most_ahead is not None and self.ahead > self.most_ahead

    @property
    def leaves_qty(self) -> Decimal:
        """What may still execute; 0 once the order is over."""
        if self.state not in ALIVE or self.standing == OrdStatus.CALCULATED:
            return Decimal(0)
        return max(self.order_qty - self.cum_qty, Decimal(0))

    def day_quantities(self, at: datetime) -> DayQuantities:
        """Ordered and executed of its trading day: the present one, or its last. `instrument` is read.

        What was executed on earlier days is no part of the day's order (FIX rule 7). An order that does
        not outlive its day is all of one.
        """
        if self.time_in_force not in LASTING:
            return DayQuantities(order_qty=self.reported_qty, cum_qty=self.cum_qty, avg_px=self.avg_px)
        day, place = self.trade_date, self.instrument
        if self.state not in EXECUTED:
            moment = at if self.is_alive else self.updated_at
            day = trade_date(moment, place.time_zone, place.trading_hours)
        executed, px = (self.day_cum_qty, self.day_avg_px) if day == self.trade_date else (ZERO, ZERO)
        earlier = self.cum_qty - executed
        return DayQuantities(order_qty=self.reported_qty - earlier, cum_qty=executed, avg_px=px)

    @property
    def terms(self) -> Terms:
        """The terms that are in force: those of the last accepted replace, or of the order itself."""
        return Terms(self.order_qty, self.price, self.stop_px, self.time_in_force)

    @terms.setter
    def terms(self, terms: Terms) -> None:
        self.order_qty, self.price, self.stop_px, self.time_in_force = terms

    @property
    def reported_qty(self) -> Decimal:
        """OrderQty as it is shown: never below what was executed (FIX: a quantity replaced too late).

        An overfilled order shows what was ordered, so that the difference is seen.
        """
        return self.order_qty if self.overfilled else max(self.order_qty, self.cum_qty)

    @property
    def awaits_approval(self) -> bool:
        """Whether a second person must agree before it can be sent."""
        return self.approval_id is not None and self.queued_at is None and self.state == State.CREATED

    @property
    def is_refused_here(self) -> bool:
        """Whether a check of ours refused it; one that was claimed was refused by the broker."""
        return self.state == State.REJECTED and self.claimed_at is None

    @property
    def is_alive(self) -> bool:
        """Whether the order may still execute."""
        return self.state in ALIVE

    def hold(self, cause: Cause) -> None:
        """Leave the order to a person: nothing is sent for it until somebody decides, or the broker does."""
        self.held_for_desk = True
        self.record_event(EventKind.HELD_FOR_DESK, cause)

    def release(self, cause: Cause) -> None:
        """No person is needed any more."""
        if self.held_for_desk:
            self.held_for_desk = False
            self.record_event(EventKind.RELEASED, cause)

    @cached_property
    def traded(self) -> TradedContract:
        """Its contract; queries that set it save a look."""
        row = self.instrument
        return TradedContract(row.sec_type, row.con_id, row.symbol, row.legs)

    @property
    def is_combination(self) -> bool:
        """Whether it is for a combination."""
        return self.traded.sec_type == SecType.BAG

    @property
    def is_allocated(self) -> bool:
        """Whether it is on an advisor's master account, for a group of accounts that share it."""
        return "allocation" in self.special

    @property
    def is_told_in_parts(self) -> bool:
        """Whether executions of the whole are told again: leg by leg, or share by share."""
        return self.is_allocated or self.is_combination

    def is_beside(self, sec_type: str, con_id: int) -> bool:
        """Whether this contract is traded beside that of somebody's order, under its permId.

        Such are the shares that hedge an option. Ours take executions of their own contract only.
        """
        own = self.traded
        if self.source != Source.EXTERNAL or not (sec_type and con_id and own.con_id):
            return False
        return sec_type != own.sec_type and con_id != own.con_id

    def time_is_over(self, at: datetime) -> bool:
        """Whether the order was good till a time that has come, and nobody asked for its cancel."""
        text = self.special.get("expire_time")
        # Brokers count in whole seconds.
        if text is None or datetime.fromisoformat(text).replace(microsecond=0) > at:
            return False
        return not self.requests.filter(kind="CANCEL", state__in=OPEN_REQUESTS).exists()

    def record_event(self, kind: EventKind, cause: Cause, *, from_state: str | None = None) -> None:
        """Note an event: one version further, with the facts as they are now."""
        self.version += 1
        self.updated_at = cause.at
        self.pending_events.append(
            OrderEvent(
                order_id=self.id,
                version=self.version,
                kind=kind,
                from_state=self.state if from_state is None else from_state,
                to_state=self.state,
                cum_qty=self.cum_qty,
                avg_px=self.avg_px,
                actor=cause.actor,
                text=cause.text,
                data=cause.data,
                inbox_id=cause.inbox_id,
                at=cause.at,
                id=None,
                recorded_at=BY_DATABASE,
                txid=BY_DATABASE,
            )
        )
