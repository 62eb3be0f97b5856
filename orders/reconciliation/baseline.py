"""Where comparisons of positions and cash start from, and what our executions have changed since.

The first look at an account is its baseline: the broker's figures and the id of our last execution. It
is carried forward over executions that are settled, so that a comparison reads those of about a day,
however many are stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Case, DecimalField, ExpressionWrapper, F, Max, Min, QuerySet, Sum, When

from brokers.fix import Side
from brokers.models import BrokerAccount, CashBalance, Position
from brokers.postgres import clock
from orders.models import Break, BreakKind, Execution

#: Executions younger than this may still be corrected or get their commission.
SETTLED_AFTER = timedelta(days=1)
#: Marked to market daily: cash moves by the profit that the broker reports, not by the price.
MARKED = ("FUT", "CFD")
COMBINATION = "BAG"  # its legs are executions of their own
ZERO = Decimal(0)

Contract = tuple[str, int]  # account, con_id
Currency = tuple[str, str]  # account, currency


@dataclass(frozen=True, kw_only=True)
class TradedTotal:
    """What executions of one contract come to; quantity and value are signed, bought is positive."""

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    value: Decimal
    realized: Decimal
    commission: Decimal
    commission_currency: str

    def cash(self) -> Iterator[tuple[str, Decimal]]:
        """(currency, amount) that this moved. A currency pair moves the bought currency as well."""
        if self.sec_type in MARKED:
            yield self.currency, self.realized  # the broker's figure is net of commissions
            return
        yield self.currency, -self.value
        if self.sec_type == "CASH":
            yield self.symbol, self.quantity
        yield self.commission_currency or self.currency, -self.commission


SIGN = Case(When(side=Side.BUY, then=Decimal(1)), default=Decimal(-1), output_field=DecimalField())
#: In units of today: a split that restated an order counts for what it had executed, not for cash.
QUANTITY = ExpressionWrapper(SIGN * F("last_qty") * F("scale"), output_field=DecimalField())
#: What is quoted in pence is paid in pounds.
UNIT = F("multiplier") / F("order__instrument__price_magnifier")
VALUE = ExpressionWrapper(SIGN * F("last_qty") * F("last_px") * UNIT, output_field=DecimalField())
GROUP = ("con_id", "symbol", "sec_type", "currency", "commission_currency")


def traded_since_baseline(account: BrokerAccount) -> list[TradedTotal]:
    """What our executions changed since the account's baseline."""
    return _traded(account.code, account.baseline_execution)


def total_of(execution: Execution) -> TradedTotal:
    """What this one execution alone comes to."""
    (total,) = _sums(Execution.objects.filter(pk=execution.pk))
    return total


def traded_after(account: BrokerAccount, day: date) -> list[TradedTotal]:
    """What our executions of later trading days came to."""
    rows = Execution.objects.filter(account=account, trade_date__gt=day, superseded=False)
    return list(_sums(rows.exclude(sec_type=COMBINATION)))


def _traded(account: str, after: int, until: int | None = None) -> list[TradedTotal]:
    """Executions with ids in (after, until] that count, less those before that they corrected."""
    rows = Execution.objects.filter(account=account, id__gt=after).exclude(sec_type=COMBINATION)
    if until is not None:
        rows = rows.filter(id__lte=until)
    replaced = _replaced(account, after, rows)
    return [*_sums(rows.filter(superseded=False)), *map(_negative, _sums(replaced))]


def _replaced(account: str, after: int, rows: QuerySet[Execution]) -> QuerySet[Execution]:
    """Of each execution corrected since: the version that counted at the baseline and does not any more."""
    later = rows.exclude(exec_id__endswith=".01").values_list("exec_root", "exec_id")  # nearly all end so
    roots = {root for root, exec_id in later if _is_correction(exec_id)}
    older = Execution.objects.filter(account=account, id__lte=after, exec_root__in=roots) if roots else None
    latest: dict[str, Execution] = {}
    for execution in older.order_by("exec_id") if older is not None else ():
        latest[execution.exec_root] = execution
    gone = [execution.pk for execution in latest.values() if execution.superseded]
    return Execution.objects.filter(pk__in=gone)


def _is_correction(exec_id: str) -> bool:
    """IB numbers the versions of an execution after the last dot, from 01."""
    return exec_id.rpartition(".")[2].lstrip("0") not in ("", "1")


def _sums(rows: QuerySet[Execution]) -> Iterator[TradedTotal]:
    sums = rows.order_by().values(*GROUP)
    for row in sums.annotate(
        quantity=Sum(QUANTITY),
        value=Sum(VALUE),
        realized=Sum("realized_pnl"),
        commission_sum=Sum("commission"),
    ):
        yield TradedTotal(
            **{name: row[name] for name in GROUP},
            quantity=row["quantity"],
            value=row["value"],
            realized=row["realized"] or ZERO,
            commission=row["commission_sum"] or ZERO,
        )


def _negative(one: TradedTotal) -> TradedTotal:
    return TradedTotal(
        con_id=one.con_id,
        symbol=one.symbol,
        sec_type=one.sec_type,
        currency=one.currency,
        commission_currency=one.commission_currency,
        quantity=-one.quantity,
        value=-one.value,
        realized=-one.realized,
        commission=-one.commission,
    )


def quantities(account: str, traded: Iterable[TradedTotal]) -> dict[Contract, Decimal]:
    """Signed quantity by contract."""
    found: defaultdict[Contract, Decimal] = defaultdict(Decimal)
    for one in traded:
        found[(account, one.con_id)] += one.quantity
    return dict(found)


def cash(account: str, traded: Iterable[TradedTotal]) -> dict[Currency, Decimal]:
    """Cash moved, by currency."""
    found: defaultdict[Currency, Decimal] = defaultdict(Decimal)
    for one in traded:
        for currency, amount in one.cash():
            found[(account, currency)] += amount
    return dict(found)


# --- moving the baseline ------------------------------------------------------------------------------
def begin(account: BrokerAccount, at: datetime) -> None:
    """The first look: what the broker shows now is the baseline, with all our executions in it."""
    Position.objects.filter(account=account).update(baseline_qty=F("position_qty"))
    CashBalance.objects.filter(account=account).update(baseline_amount=F("amount"))
    newest = Execution.objects.filter(account=account).aggregate(newest=Max("id"))["newest"]
    account.baseline_at, account.baseline_execution = at, newest or 0
    account.save(update_fields=["baseline_at", "baseline_execution"])


def carry_forward() -> int:
    """Move the baseline of every account over its settled executions; how many accounts moved."""
    return sum(_carry(code) for code in BrokerAccount.objects.values_list("code", flat=True))


def _carry(code: str) -> bool:
    with transaction.atomic():
        account = BrokerAccount.objects.select_for_update().get(pk=code)
        until = _settled_until(account)
        if account.baseline_at is None or until <= account.baseline_execution:
            return False
        traded = _traded(code, account.baseline_execution, until)
        _add_positions(account, traded)
        for (_, currency), amount in cash(code, traded).items():
            add_cash(account, currency, amount)
        account.baseline_execution = until
        account.save(update_fields=["baseline_execution"])
    return True


def _settled_until(account: BrokerAccount) -> int:
    """The last execution of which nothing is missing and that no later one corrects, all before it too."""
    later = Execution.objects.filter(account=account, id__gt=account.baseline_execution)
    young = later.filter(received_at__gt=clock.now() - SETTLED_AFTER)
    unpaid = later.filter(commission=None, superseded=False, last_qty__gt=0).exclude(sec_type=COMBINATION)
    first_open = min(filter(None, (_first(young), _first(unpaid))), default=None)
    settled = later.filter(id__lt=first_open) if first_open else later
    until = int(settled.aggregate(newest=Max("id"))["newest"] or 0)
    corrected = later.filter(id__lte=until, superseded=True)
    roots = corrected.values("exec_root")
    pending = corrected.filter(
        exec_root__in=later.filter(id__gt=until, exec_root__in=roots).values("exec_root")
    )
    first_pending = _first(pending)
    return first_pending - 1 if first_pending else until


def _first(rows: QuerySet[Execution]) -> int | None:
    first: int | None = rows.aggregate(first=Min("id"))["first"]
    return first


def _add_positions(account: BrokerAccount, traded: Iterable[TradedTotal]) -> None:
    for one in traded:
        row, _ = Position.objects.get_or_create(
            account=account,
            con_id=one.con_id,
            defaults={
                "symbol": one.symbol,
                "sec_type": one.sec_type,
                "currency": one.currency,
                "position_qty": ZERO,
                "avg_cost": ZERO,
                "reported_at": clock.now(),
            },
        )
        Position.objects.filter(pk=row.pk).update(baseline_qty=F("baseline_qty") + one.quantity)


def add_cash(account: BrokerAccount, currency: str, amount: Decimal) -> None:
    """Count an amount to what the account had at its baseline."""
    row, _ = CashBalance.objects.get_or_create(
        account=account, currency=currency, defaults={"amount": ZERO, "reported_at": clock.now()}
    )
    CashBalance.objects.filter(pk=row.pk).update(baseline_amount=F("baseline_amount") + amount)


def accept(row: Break) -> None:
    """A person accepts the broker's figure of a position or of cash: the difference joins the baseline.

    The difference is that of the break's latest evidence; trades since then do not change it.
    """
    account = BrokerAccount.objects.select_for_update().get(pk=row.account_id)
    difference = Decimal(row.broker["reported"]) - Decimal(row.ours["expected"])
    if row.kind == BreakKind.CASH:
        add_cash(account, row.ours["currency"], difference)
        return
    one = TradedTotal(
        con_id=int(row.ours["con_id"]),
        symbol=row.ours["symbol"],
        sec_type=row.ours.get("sec_type", ""),
        currency=row.ours.get("currency", ""),
        quantity=difference,
        value=ZERO,
        realized=ZERO,
        commission=ZERO,
        commission_currency="",
    )
    _add_positions(account, [one])
