"""Cash as the broker reports it, compared with what our executions and their commissions come to.

Interest, dividends, fees and transfers are in no execution: they show as breaks, for a person to
explain.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal, InvalidOperation

from brokers.formats import decimal_text
from brokers.messages import AccountValueReport, Snapshot
from brokers.models import BrokerAccount, CashBalance
from brokers.postgres import storable
from orders.models import BreakKind
from orders.reconciliation import baseline
from orders.reconciliation.breaks import Finding
from orders.reconciliation.reported import store_reported
from orders.reconciliation.totals import Currency

CASH_KEY = "CashBalance"
ALL_CURRENCIES = "BASE"
#: Both ends are reported in cents, so each may be half a cent off.
TOLERANCE = Decimal("0.01")


def store(session: str, snapshot: Snapshot) -> None:
    """Store the cash of a look, by account and currency; a currency no longer listed is zero.

    Of one that is told twice the last counts.
    """
    known = set(BrokerAccount.objects.filter(session_id=session).values_list("code", flat=True))
    known &= _shown(snapshot)
    rows = [
        CashBalance(
            account_id=report.account,
            currency=storable.text(report.currency, 8),
            amount=amount,
            reported_at=snapshot.finished_at,
        )
        for report in snapshot.account_values
        if report.account in known and (amount := _amount(report)) is not None
    ]
    store_reported(CashBalance, rows, ["account", "currency"], ["amount"])
    gone = CashBalance.objects.filter(account__in=known, reported_at__lt=snapshot.finished_at)
    gone.update(amount=Decimal(0), reported_at=snapshot.finished_at)


def _shown(snapshot: Snapshot) -> set[str]:
    """Accounts whose cash this look showed."""
    return {report.account for report in snapshot.account_values if _amount(report) is not None}


def _amount(report: AccountValueReport) -> Decimal | None:
    """The amount of a cash value; None for any other value, and for what is no number."""
    if report.key != CASH_KEY or report.currency in ("", ALL_CURRENCIES):
        return None
    try:
        amount = Decimal(report.value)
    except InvalidOperation:
        return None
    return storable.number(amount)  # IB's largest double, too, is none


def differences(session: str, snapshot: Snapshot, moving: Collection[str]) -> tuple[list[Finding], set[str]]:
    """(where cash is not baseline plus executions less commissions, keys that were not judged).

    `moving` are accounts that just traded. Only what this look showed is judged.
    """
    found, not_judged, shown = [], set(), _shown(snapshot)
    for account in BrokerAccount.objects.filter(session_id=session).exclude(baseline_at=None):
        moved = baseline.cash(account.code, baseline.traded_since_baseline(account))
        rows = {(row.account_id, row.currency): row for row in CashBalance.objects.filter(account=account)}
        for currency in {*rows, *moved}:
            row = rows.get(currency) or CashBalance(amount=Decimal(0), baseline_amount=Decimal(0))
            finding = _compare(currency, row, moved.get(currency, Decimal(0)))
            if account.code in moving or account.code not in shown:
                not_judged.add(_key(currency))
            elif finding:
                found.append(finding)
    return found, not_judged


def _compare(currency: Currency, row: CashBalance, moved: Decimal) -> Finding | None:
    expected = row.baseline_amount + moved
    if abs(row.amount - expected) <= TOLERANCE:
        return None
    gap = decimal_text(row.amount - expected)
    return Finding(
        kind=BreakKind.CASH,
        key=_key(currency),
        account=currency[0],
        text=f"{currency[1]} cash of {currency[0]} is {gap} from what our executions come to.",
        ours={
            "currency": currency[1],
            "baseline": decimal_text(row.baseline_amount),
            "executions": decimal_text(moved),
            "expected": decimal_text(expected),
        },
        broker={"reported": decimal_text(row.amount)},
    )


def _key(currency: Currency) -> str:
    return f"{currency[0]} {currency[1]}"
