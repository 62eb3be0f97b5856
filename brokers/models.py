"""What we know of the broker: sessions with their lease, accounts, instruments, the inbox, positions."""

from __future__ import annotations

from decimal import Decimal

import uuid_utils.compat as uuid_utils
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from brokers.fix import SecType


class GatewaySession(models.Model):
    """State of one gateway session. Its address lives in the settings, its lease and its facts here.

    The holder of the lease is the one process that may claim orders of this session: every claim
    carries its `lease_epoch`, so a paused former holder can claim nothing (fencing).
    """

    name = models.CharField(primary_key=True, max_length=32)
    client_id = models.IntegerField(default=0)
    lease_owner = models.CharField(max_length=100, blank=True, default="")
    lease_epoch = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    #: The next broker order id to give out: max(the gateway's nextValidId, ours), never lowered.
    next_broker_order_id = models.BigIntegerField(default=1)
    #: The gateway names ids above the last that we send (`brokers.gate.order_ids`): nothing new is claimed.
    order_ids_used_up = models.BooleanField(default=False)
    link = models.CharField(max_length=16, default="DOWN")
    link_reason = models.CharField(max_length=300, blank=True, default="")
    breaker = models.CharField(max_length=16, default="CLOSED")
    link_changed_at = models.DateTimeField(null=True, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)
    reconciled_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("operate_session", "Can pause, resume and reconcile a session")]

    def __str__(self) -> str:
        return self.name

    @property
    def server_version(self) -> int | None:
        """The version of the broker's protocol that is spoken; None without a connection."""
        health = getattr(self, "health", None)
        return health.server_version if health is not None and self.link != "DOWN" else None


class SessionHealth(models.Model):
    """How the threads of a session's broker worker are, and the steps of its sweep; written every second.

    A row of its own: the session's row is locked by every claim and should stay small.
    """

    session = models.OneToOneField(
        GatewaySession, on_delete=models.CASCADE, primary_key=True, related_name="health"
    )
    threads = models.JSONField(default=dict)
    steps = models.JSONField(default=dict)
    #: Seconds by which the worker's clock is ahead, of the database's and of the gateway's.
    clocks = models.JSONField(default=dict)
    server_version = models.IntegerField(null=True, blank=True)
    reported_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"health of {self.session_id}"


class LinkChange(models.Model):
    """The link of a session changed: what happened to the way to the broker, and why in its own words."""

    session = models.ForeignKey(GatewaySession, on_delete=models.CASCADE, related_name="link_changes")
    link = models.CharField(max_length=16)
    reason = models.CharField(max_length=300, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.link} {self.reason}"


class BrokerAccount(models.Model):
    """A trading account at the broker and the session that carries its orders."""

    code = models.CharField(primary_key=True, max_length=32)
    session = models.ForeignKey(GatewaySession, on_delete=models.PROTECT, related_name="accounts")
    #: When positions and cash were first seen: what comparisons with executions start from.
    baseline_at = models.DateTimeField(null=True, blank=True)
    #: The baseline holds our executions up to this id; it is carried forward over settled ones.
    baseline_execution = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.code


class AdvisorLogin(models.Model):
    """The login of an advisor, as its gateway told it last: who shares the orders of the master account."""

    session = models.OneToOneField(
        GatewaySession, on_delete=models.CASCADE, primary_key=True, related_name="advisor_login"
    )
    master = models.CharField(max_length=32)
    accounts = models.JSONField(default=list)
    #: [{"name", "method", "accounts"}], methods in the broker's words.
    groups = models.JSONField(default=list)
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.master


class Instruments(models.QuerySet["Instrument"]):
    """Rows of instruments."""

    def listed(self) -> Instruments:
        """What may answer a look-up of ours."""
        return self.filter(confirmed=True)


class Instrument(models.Model):
    """A contract with the broker's own rules, as of `resolved_at`.

    `con_id` is null until the broker resolved it; a combination never gets one, it is its legs. The
    same con_id at another exchange is another row: orders are routed there. `confirmed` is false for what
    only other people's orders told: it answers no look-up before the broker's contract details are asked for
    an order of ours. `sec_type` is the broker's own word where it is none of ours.
    """

    symbol = models.CharField(max_length=32)
    confirmed = models.BooleanField(default=True)
    sec_type = models.CharField(max_length=16, choices=[(t.value, t.value) for t in SecType])
    exchange = models.CharField(max_length=16, default="SMART")
    currency = models.CharField(max_length=3, default="USD")
    #: Last trading day of a future or an option, YYYYMMDD.
    maturity = models.CharField(max_length=8, blank=True, default="")
    strike_price = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    put_or_call = models.CharField(max_length=4, blank=True, default="")
    local_symbol = models.CharField(max_length=40, blank=True, default="")
    trading_class = models.CharField(max_length=20, blank=True, default="")
    multiplier = models.DecimalField(default=Decimal(1), max_digits=28, decimal_places=10)
    #: Of a combination: [{"con_id", "ratio", "side", "exchange"}].
    legs = models.JSONField(default=list, blank=True)
    con_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    long_name = models.CharField(max_length=200, blank=True, default="")
    primary_exchange = models.CharField(max_length=32, blank=True, default="")
    #: Currency units of a price: London shares are priced in pence, 100.
    price_magnifier = models.IntegerField(default=1)
    min_tick = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    #: Price steps: [[lower edge, step], ...], rising, as decimal texts.
    price_bands = models.JSONField(default=list, blank=True)
    min_size = models.DecimalField(default=Decimal(1), max_digits=28, decimal_places=10)
    size_increment = models.DecimalField(default=Decimal(1), max_digits=28, decimal_places=10)
    #: Our words for what its exchanges take: order types, times in force, attributes.
    order_types = models.JSONField(default=list, blank=True)
    exchanges = models.JSONField(default=list, blank=True)
    time_zone = models.CharField(max_length=64, blank=True, default="")
    #: [[start, end], ...] of the next days, UTC in ISO 8601.
    trading_hours = models.JSONField(default=list, blank=True)
    liquid_hours = models.JSONField(default=list, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolve_error = models.CharField(max_length=300, blank=True, default="")
    last_px = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    last_px_at = models.DateTimeField(null=True, blank=True)
    #: The market as last told, for the checks of orders: each price with when it was told.
    bid_px = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    bid_px_at = models.DateTimeField(null=True, blank=True)
    ask_px = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    ask_px_at = models.DateTimeField(null=True, blank=True)
    close_px = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    close_px_at = models.DateTimeField(null=True, blank=True)
    #: Of a day, as the broker averages it; what can be borrowed; halted: 0 no, 1 and 2 yes. Null: not told.
    average_volume = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    shortable_shares = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    halted = models.SmallIntegerField(null=True, blank=True)

    objects = Instruments.as_manager()

    class Meta:
        ordering = ["symbol", "currency"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "symbol",
                    "sec_type",
                    "exchange",
                    "currency",
                    "maturity",
                    "strike_price",
                    "put_or_call",
                    "trading_class",
                    "local_symbol",
                    "legs",
                ],
                name="instrument_unique_description",
                nulls_distinct=False,
                condition=models.Q(confirmed=True),
            ),
            models.UniqueConstraint(fields=["con_id", "exchange"], name="instrument_unique_contract"),
        ]
        indexes = [
            # The combinations in which a contract is bought or sold.
            GinIndex(fields=["legs"], opclasses=["jsonb_path_ops"], name="instrument_legs"),
        ]

    def __str__(self) -> str:
        words = [self.symbol, self.sec_type, self.maturity, self.strike_text, self.put_or_call]
        text = " ".join(word for word in (*words, self.exchange, self.currency) if word)
        return text if self.sec_type in list(SecType) else f"{text}, not traded here"

    @property
    def strike_text(self) -> str:
        """The strike as it is written, empty for what has none."""
        return "" if self.strike_price is None else f"{self.strike_price.normalize():f}"

    @property
    def is_known(self) -> bool:
        """Whether the broker knows it, so that it may be ordered."""
        return self.confirmed and (self.con_id is not None or bool(self.legs))


class QuestionKind(models.TextChoices):
    """What a process without a broker connection may ask the one that has it."""

    INSTRUMENTS = "INSTRUMENTS"
    PREVIEW = "PREVIEW"


class BrokerQuestion(models.Model):
    """A question that the session's broker worker puts to the broker; the asker waits for the row.

    Not a record of anything: a question that nobody answered in time is forgotten.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    session = models.ForeignKey(GatewaySession, on_delete=models.CASCADE)
    kind = models.CharField(max_length=16, choices=QuestionKind.choices)
    body = models.JSONField()
    answer = models.JSONField(null=True)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error = models.TextField(blank=True, default="")
    asked_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["session", "id"], condition=models.Q(answered_at=None), name="question_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.session_id}"


class InboxMessage(models.Model):
    """One callback of the broker, raw and decoded; insert-or-ignore by (session, dedup_key).

    `applied_at` null means waiting: `error` then says why the last try failed, `retry_at` when the
    next one is due.
    """

    #: Found by the index of the keys, which begins with it: an order writes five messages.
    session = models.ForeignKey(GatewaySession, on_delete=models.PROTECT, db_index=False)
    dedup_key = models.CharField(max_length=200)
    kind = models.CharField(max_length=32)
    event = models.JSONField()
    raw = models.JSONField()
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    applied_at = models.DateTimeField(null=True, blank=True)
    attempts = models.IntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "dedup_key"], name="inbox_unique_dedup_key")
        ]
        indexes = [
            models.Index(fields=["retry_at"], condition=models.Q(applied_at=None), name="inbox_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.dedup_key}"


class Position(models.Model):
    """The position as the broker reports it. Never an input to order state.

    `baseline_qty` is what was there at the account's baseline, so that positions and executions can
    be compared.
    """

    account = models.ForeignKey(BrokerAccount, on_delete=models.PROTECT, related_name="positions")
    con_id = models.BigIntegerField()
    symbol = models.CharField(max_length=32)
    sec_type = models.CharField(max_length=16)
    currency = models.CharField(max_length=3)
    position_qty = models.DecimalField(max_digits=28, decimal_places=10)
    avg_cost = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    baseline_qty = models.DecimalField(default=Decimal(0), max_digits=28, decimal_places=10)
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["account", "symbol"]
        constraints = [models.UniqueConstraint(fields=["account", "con_id"], name="position_unique_contract")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.symbol} {self.position_qty}"


class CashBalance(models.Model):
    """Cash of an account in one currency as the broker reports it, and what it was at the baseline."""

    account = models.ForeignKey(BrokerAccount, on_delete=models.PROTECT, related_name="cash")
    currency = models.CharField(max_length=8)
    amount = models.DecimalField(max_digits=28, decimal_places=10)
    baseline_amount = models.DecimalField(default=Decimal(0), max_digits=28, decimal_places=10)
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["account", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["account", "currency"], name="cash_balance_unique_currency")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount} {self.currency}"


class AccountValue(models.Model):
    """One account value as the broker reports it (text: not every value is a number)."""

    account = models.ForeignKey(BrokerAccount, on_delete=models.PROTECT, related_name="values")
    key = models.CharField(max_length=64)
    currency = models.CharField(max_length=8, blank=True, default="")
    value = models.CharField(max_length=64)
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["account", "key", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["account", "key", "currency"], name="account_value_unique_key")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.key} {self.value} {self.currency}"


class Profit(models.Model):
    """Profit and loss as the broker reckons it now: of an account (`con_id` 0) or one of its positions.

    Null where the broker does not say. Shown to people, never an input to anything.
    """

    account = models.ForeignKey(BrokerAccount, on_delete=models.PROTECT, related_name="profits")
    con_id = models.BigIntegerField(default=0)
    daily = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    unrealized = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    realized = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    value = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "con_id"], name="profit_unique_contract")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.con_id or 'account'} {self.daily}"


class ProfitPoint(models.Model):
    """What `Profit` was in one minute; older minutes are thinned to one for each hour.

    `value` of an account is its net liquidation.
    """

    account = models.ForeignKey(BrokerAccount, on_delete=models.PROTECT, related_name="+")
    con_id = models.BigIntegerField(default=0)
    at = models.DateTimeField()
    daily = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    unrealized = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    realized = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    value = models.DecimalField(null=True, max_digits=28, decimal_places=10)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["account", "con_id", "at"], name="profit_point_once_a_minute")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.con_id or 'account'} {self.at:%Y-%m-%d %H:%M} {self.daily}"
