"""Positions as the broker reports them, compared with our executions; never used to invent one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case, F, Sum, When
from django.utils import timezone

from brokers.fix import Side
from brokers.inbox import InboxWriter
from brokers.messages import PositionReport, Snapshot
from brokers.models import BrokerAccount, Position
from orders.models import Execution

#: Executions and positions are independent streams: a contract that just traded is not compared.
SETTLING = timedelta(seconds=5)

Contract = tuple[str, int]  # account, con_id


def store_live(session: str, writer: InboxWriter) -> None:
    """Store the positions reported since the last call."""
    reports, writer.positions = writer.positions, {}
    if reports:
        _store(session, reports.values(), timezone.now())


def store_snapshot(session: str, snapshot: Snapshot) -> None:
    """Store the positions of a look; one that the broker no longer lists is zero.

    What was reported after the look stays. The first look at an account is its baseline.
    """
    newer = Position.objects.filter(account__session_id=session, reported_at__gt=snapshot.finished_at)
    keep = set(newer.values_list("account_id", "con_id"))
    listed = {(report.account, report.instrument.con_id): report for report in snapshot.positions}
    fresh = [report for contract, report in listed.items() if contract not in keep]
    _store(session, fresh, snapshot.finished_at)
    older = Position.objects.filter(account__session_id=session, reported_at__lt=snapshot.finished_at)
    gone = [row.pk for row in older.exclude(position_qty=0) if (row.account_id, row.con_id) not in listed]
    Position.objects.filter(pk__in=gone).update(position_qty=0, reported_at=snapshot.finished_at)
    new_accounts = BrokerAccount.objects.filter(session_id=session, baseline_at=None)
    new_accounts.update(baseline_at=snapshot.finished_at)


def _store(session: str, reports: Iterable[PositionReport], at: datetime) -> None:
    accounts = {account.code: account for account in BrokerAccount.objects.filter(session_id=session)}
    first_look = any(account.baseline_at is None for account in accounts.values())
    ours = executed_quantities(session) if first_look else {}
    rows = [
        _row(report, accounts[report.account], ours, at) for report in reports if report.account in accounts
    ]
    Position.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account", "con_id"],
        update_fields=["position_qty", "avg_cost", "reported_at"],
    )


def _row(
    report: PositionReport, account: BrokerAccount, ours: dict[Contract, Decimal], at: datetime
) -> Position:
    """What is there at the first look is the baseline; later contracts begin at zero."""
    own = ours.get((report.account, report.instrument.con_id), Decimal(0))
    return Position(
        account=account,
        con_id=report.instrument.con_id,
        symbol=report.instrument.symbol,
        sec_type=report.instrument.sec_type,
        currency=report.instrument.currency,
        position_qty=report.position_qty,
        avg_cost=report.avg_cost,
        baseline_qty=Decimal(0) if account.baseline_at else report.position_qty - own,
        reported_at=at,
    )


def differences(session: str, since: datetime) -> list[dict[str, str]]:
    """Where positions are not baseline plus executions; `since` is when the look began."""
    ours = executed_quantities(session)
    settling = _settling(session, since - SETTLING)
    found = []
    for position in Position.objects.filter(account__session_id=session):
        contract = (position.account_id, position.con_id)
        expected = position.baseline_qty + ours.pop(contract, Decimal(0))
        if expected != position.position_qty and contract not in settling:
            found.append(_difference(contract, position.symbol, expected, position.position_qty))
    return found + [
        _difference(contract, str(contract[1]), quantity, Decimal(0))
        for contract, quantity in ours.items()
        if quantity and contract not in settling
    ]


def executed_quantities(session: str) -> dict[Contract, Decimal]:
    """Signed quantity of all counting executions, by contract."""
    signed = Case(When(side=Side.BUY, then=F("last_qty")), default=-F("last_qty"))
    rows = (
        Execution.objects.filter(order__session_id=session, superseded=False)
        .values("account_id", "con_id")
        .annotate(quantity=Sum(signed))
    )
    return {(row["account_id"], row["con_id"]): row["quantity"] for row in rows.order_by()}


def _settling(session: str, since: datetime) -> set[Contract]:
    recent = Execution.objects.filter(order__session_id=session, received_at__gt=since)
    return set(recent.order_by().values_list("account_id", "con_id"))


def _difference(contract: Contract, symbol: str, expected: Decimal, reported: Decimal) -> dict[str, str]:
    return {
        "account": contract[0],
        "symbol": symbol,
        "expected": f"{expected.normalize():f}",
        "reported": f"{reported.normalize():f}",
    }
