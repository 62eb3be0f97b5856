"""Executions, one row per version the broker sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from django.db import models
from django.db.models import Q

from brokers.fix import SecType, Side

if TYPE_CHECKING:
    from orders.models.order import Order


class Allocated(models.TextChoices):
    """Of a group order, which an advisor's accounts share: the whole, told for the master, or one share."""

    WHOLE = "WHOLE"
    SHARE = "SHARE"


#: They move no position and cost nothing: the whole of a combination is told again leg by leg, that of an
#: advisor's group order share by share.
WHOLES = Q(sec_type=SecType.BAG) | Q(allocated=Allocated.WHOLE)
PX_STEP = Decimal("1e-10")
ZERO = Decimal(0)
SCALE_STEP = Decimal("1e-9")
#: Two ratios of whole numbers up to this differ by more than their nine stored places are wrong.
LARGEST_PART = 20_000


class Execution(models.Model):
    """One execution of an order.

    IB corrects an execution by a further one whose id differs after the last dot: `exec_root` is the
    part before it, `superseded` marks the versions that no longer count.
    """

    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="executions")
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    exec_id = models.CharField(max_length=64)
    exec_root = models.CharField(max_length=64)
    superseded = models.BooleanField(default=False)
    allocated = models.CharField(
        max_length=5, choices=Allocated.choices, blank=True, default="", db_default=""
    )
    con_id = models.BigIntegerField(default=0)
    symbol = models.CharField(max_length=32, blank=True, default="")
    sec_type = models.CharField(max_length=16, blank=True, default="")
    currency = models.CharField(max_length=8, blank=True, default="")
    multiplier = models.DecimalField(default=1, max_digits=18, decimal_places=6)
    side = models.CharField(max_length=8)
    last_qty = models.DecimalField(max_digits=28, decimal_places=10)
    last_px = models.DecimalField(max_digits=28, decimal_places=10)
    scale = models.DecimalField(
        default=1, max_digits=18, decimal_places=9, help_text="Shares now for one then, after a split."
    )
    venue = models.CharField(max_length=32, blank=True)
    liquidity = models.CharField(max_length=8, blank=True)
    transact_time = models.DateTimeField()
    trade_date = models.DateField(null=True, help_text="The trading day of its time.")
    commission = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    commission_currency = models.CharField(max_length=8, blank=True, default="")
    realized_pnl = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    #: When the report came that says so: an older one that waited for its execution changes nothing.
    commission_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "exec_id"], name="execution_unique_exec_id")
        ]
        indexes = [
            # The lists (orders.order_search), newest first by the time of the execution.
            models.Index(fields=["account", "side", "-transact_time", "-id"], name="execution_account_side"),
            models.Index(
                fields=["account", "con_id", "side", "-transact_time", "-id"],
                name="execution_contract_side",
            ),
            models.Index(
                fields=["order"], condition=Q(commission__isnull=True), name="execution_no_commission"
            ),
        ]

    def __str__(self) -> str:
        return self.exec_id

    @property
    def is_whole(self) -> bool:
        """Whether it is told again in parts, which are what moves positions: see `WHOLES`."""
        return self.sec_type == SecType.BAG or self.allocated == Allocated.WHOLE

    @property
    def ratio(self) -> Fraction:
        """How many shares now are one then: the two whole numbers of which `scale` has nine places."""
        stored = Fraction(self.scale)
        found = stored.limit_denominator(LARGEST_PART)
        return found if abs(found - stored) < SCALE_STEP else stored

    @property
    def qty_now(self) -> Decimal:
        """What was executed, in the units of today: a third of 300 is 100."""
        if self.scale == 1:
            return self.last_qty
        ratio = self.ratio
        return (self.last_qty * ratio.numerator / ratio.denominator).quantize(PX_STEP)

    @property
    def px_now(self) -> Decimal:
        """The price of one of them."""
        ratio = self.ratio
        return self.last_px if self.scale == 1 else self.last_px * ratio.denominator / ratio.numerator

    def rescale(self, factor: Fraction) -> None:
        """Count so many times as many from now on."""
        ratio = self.ratio * factor
        self.scale = (Decimal(ratio.numerator) / ratio.denominator).quantize(SCALE_STEP)


# --- what executions come to ------------------------------------------------------------------------------
def in_force(executions: Iterable[Execution]) -> list[Execution]:
    """The executions that count: those that no correction replaced."""
    return [execution for execution in executions if not execution.superseded]


def executed(order: Order, executions: Iterable[Execution]) -> list[Execution]:
    """The executions that make up the order's quantity: of one told in parts, those of the whole."""
    counting = in_force(executions)
    if order.is_told_in_parts:
        return [one for one in counting if one.is_whole]
    return [one for one in counting if not order.is_beside(one.sec_type, one.con_id)]


def charged(order: Order, executions: Iterable[Execution]) -> list[Execution]:
    """The executions that a commission is charged for: legs of a combination, shares of a group order."""
    counting = in_force(executions)
    return [one for one in counting if not one.is_whole] if order.is_told_in_parts else counting


class Share(NamedTuple):
    """What one account has of a group order."""

    account: str
    qty: Decimal
    avg_px: Decimal
    commission: Decimal | None  # None while one lacks
    currency: str


def shares_of(order: Order, executions: Iterable[Execution]) -> list[Share]:
    """What each account has of a group order, by account; nothing for any other order."""
    rows: dict[str, list[Execution]] = {}
    for one in charged(order, executions) if order.is_allocated else ():
        rows.setdefault(str(one.account_id), []).append(one)
    return [
        Share(
            account,
            total_qty(own),
            average_px(own),
            None if uncharged(own) else sum((one.commission or ZERO for one in own), ZERO),
            next((one.commission_currency for one in own if one.commission_currency), ""),
        )
        for account, own in sorted(rows.items())
    ]


def shared_qty(order: Order, executions: Iterable[Execution]) -> Decimal:
    """What the shares of a group order come to; its `cum_qty`, once all of them are told."""
    return total_qty(charged(order, executions)) if order.is_allocated else ZERO


def has_executed(executions: Iterable[Execution]) -> bool:
    """Whether anything was executed that counts: of a combination, maybe no more than a leg."""
    return any(one.last_qty for one in in_force(executions))


def legs_of(order: Order, executions: Iterable[Execution]) -> dict[int, tuple[Decimal, Decimal]]:
    """What a combination's legs executed and what its quantity makes of them, signed, by con_id.

    Empty where nobody can tell: no combination, legs not known, or an execution of none of them.
    """
    found: dict[int, tuple[Decimal, Decimal]] = {}
    for leg in order.traded.legs if order.is_combination else ():
        done, due = found.get(leg["con_id"], (ZERO, ZERO))
        quantity = order.cum_qty * Decimal(leg["ratio"])
        found[leg["con_id"]] = done, due + _way(order.side) * _way(leg["side"]) * quantity
    for one in in_force(executions) if found else ():
        if one.sec_type == SecType.BAG:
            continue
        if one.con_id not in found:
            return {}
        done, due = found[one.con_id]
        found[one.con_id] = done + _way(one.side) * one.qty_now, due
    return found


def _way(side: str) -> int:
    return 1 if side == Side.BUY else -1


def is_uneven(order: Order, executions: Iterable[Execution]) -> bool:
    """Whether legs of a combination, or shares of a group order, do not come to what the whole executed."""
    if order.is_allocated:
        return shared_qty(order, executions) != order.cum_qty
    return any(done != due for done, due in legs_of(order, executions).values())


def uncharged(executions: Iterable[Execution]) -> list[Execution]:
    """Those that wait for their commission; nothing is charged for a busted one."""
    return [one for one in executions if one.commission is None and one.last_qty]


def total_qty(executions: Iterable[Execution]) -> Decimal:
    """What the executions come to, in the units of today."""
    return sum((one.qty_now for one in executions), Decimal(0))


def taken_back(order: Order, executions: Iterable[Execution]) -> Decimal:
    """How much more of the order was executed before busts and corrections than counts now."""
    most: dict[str, Decimal] = {}
    counting = Decimal(0)
    for one in executions:
        if order.is_told_in_parts and not one.is_whole:
            continue
        root = version_root(one)
        most[root] = max(most.get(root, ZERO), one.qty_now)
        counting += ZERO if one.superseded else one.qty_now
    return sum(most.values(), ZERO) - counting


def corrects_unheard(executions: Iterable[Execution]) -> bool:
    """Whether one of them corrects or busts what was never told here."""
    first: dict[str, int] = {}
    for one in executions:
        if one.exec_root:
            first[one.exec_root] = min(first.get(one.exec_root, _version(one)[0]), _version(one)[0])
    return any(version > 1 for version in first.values())


def average_px(executions: Iterable[Execution]) -> Decimal:
    """Quantity-weighted price of the executions; 0 when nothing was executed."""
    rows = list(executions)
    total = total_qty(rows)
    value = sum((row.last_qty * row.last_px for row in rows), Decimal(0))
    return (value / total).quantize(PX_STEP) if total else Decimal(0)


def first_days(executions: Iterable[Execution]) -> dict[str, date]:
    """The trading day of each execution: that of its earliest version, whenever it was corrected."""
    found: dict[str, date] = {}
    for one in executions:
        day = one.trade_date or one.transact_time.date()  # stored before trading days were
        root = version_root(one)
        found[root] = min(found.get(root, day), day)
    return found


def version_root(execution: Execution) -> str:
    """What all versions of one execution have in common."""
    return f"{execution.account_id}:{execution.exec_root or execution.exec_id}"


def supersede(versions: Sequence[Execution]) -> list[Execution]:
    """Mark all versions of an execution that a later one replaces; those that were stored before.

    IB corrects an execution by one that differs after the last dot of its id (".02" replaces ".01").
    """
    if len(versions) < 2:
        return []
    counts = newest(versions)
    changed = [e for e in versions if e is not counts and not e.superseded]
    for execution in changed:
        execution.superseded = True
    return [execution for execution in changed if execution.pk is not None]


def newest(versions: Sequence[Execution]) -> Execution:
    """The version that counts."""
    return max(versions, key=_version)


def _version(execution: Execution) -> tuple[int, str]:
    last = execution.exec_id.rpartition(".")[2]
    return (int(last) if last.isdigit() else 0, last)
