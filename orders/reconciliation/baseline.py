"""Where comparisons of positions and cash start from, and what our executions have changed since.

The first look at an account is its baseline: the broker's figures and the id of our last execution. It
is carried forward over executions that are settled, so that a comparison reads those of about a day,
however many are stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Max, Min, QuerySet

from brokers.models import BrokerAccount, CashBalance, Position
from brokers.postgres import clock
from orders.models import Break, BreakKind, Execution
from orders.models.execution import WHOLES
from orders.reconciliation import corporate_actions, executed
from orders.reconciliation.totals import (
    ZERO,
    Contract,
    Currency,
    TradedTotal,
    sums,
)

#: Executions younger than this may still be corrected or get their commission.
SETTLED_AFTER = timedelta(days=1)
K = TypeVar("K", int, str)
#: What traded totals come to, by account and contract or currency.
Sums = Callable[[str, Iterable[TradedTotal]], dict[tuple[str, K], Decimal]]


def traded_since_baseline(account: BrokerAccount) -> list[TradedTotal]:
    """What our executions changed since the account's baseline, and splits and ends of options with them."""
    known = corporate_actions.changes(account)
    return [*executed.since_baseline(account), *(one.counted for one in known)]


def total_of(execution: Execution) -> TradedTotal:
    """What this one execution alone comes to."""
    (total,) = sums(Execution.objects.filter(pk=execution.pk))
    return total


def traded_after(account: BrokerAccount, day: date) -> list[TradedTotal]:
    """What our executions of later trading days came to, and what else happened on them."""
    rows = Execution.objects.filter(account=account, trade_date__gt=day, superseded=False)
    known = corporate_actions.changes(account, after=day)
    later = (one.total for one in known if one.day > day)
    return [*sums(rows.exclude(WHOLES)), *later]


def quantities_on(account: BrokerAccount, day: date) -> dict[int, Decimal]:
    """Our quantity of each contract at the end of a day."""
    rows = Position.objects.filter(account=account)
    at_baseline = {(row.account_id, row.con_id): row.baseline_qty for row in rows}
    return _then(account, day, at_baseline, quantities)


def cash_on(account: BrokerAccount, day: date) -> dict[str, Decimal]:
    """Our cash of each currency at the end of a day."""
    rows = CashBalance.objects.filter(account=account)
    at_baseline = {(row.account_id, row.currency): row.baseline_amount for row in rows}
    return _then(account, day, at_baseline, cash)


def _then(
    account: BrokerAccount, day: date, at_baseline: dict[tuple[str, K], Decimal], added_up: Sums[K]
) -> dict[K, Decimal]:
    """What it was: the baseline and what was executed since, less what was executed after the day."""
    found = defaultdict(Decimal, at_baseline)
    for thing, amount in added_up(account.code, traded_since_baseline(account)).items():
        found[thing] += amount
    for thing, amount in added_up(account.code, traded_after(account, day)).items():
        found[thing] -= amount
    return {name: amount for (_, name), amount in found.items()}


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
        if account.baseline_at is None:
            return False
        _add(account, corporate_actions.settle(account))
        if until <= account.baseline_execution:
            return False
        traded = executed.between(code, account.baseline_execution, until)
        _add(account, traded)
        account.baseline_execution = until
        account.save(update_fields=["baseline_execution"])
    return True


def _add(account: BrokerAccount, traded: Iterable[TradedTotal]) -> None:
    totals = list(traded)
    _add_positions(account, totals)
    for (_, currency), amount in cash(account.code, totals).items():
        add_cash(account, currency, amount)


def _settled_until(account: BrokerAccount) -> int:
    """The last execution of which nothing is missing and that no later one corrects, all before it too."""
    later = Execution.objects.filter(account=account, id__gt=account.baseline_execution)
    young = later.filter(received_at__gt=clock.now() - SETTLED_AFTER)
    unpaid = later.filter(commission=None, superseded=False, last_qty__gt=0).exclude(WHOLES)
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
