"""Positions as the broker reports them, compared with our executions; never used to invent one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db.models import Min

from brokers.formats import decimal_text
from brokers.inbox.writer import InboxWriter
from brokers.messages import PositionReport, Snapshot
from brokers.models import BrokerAccount, Instrument, Position
from brokers.postgres import clock, storable
from orders.models import Break, BreakKind, Execution
from orders.reconciliation import baseline
from orders.reconciliation.breaks import Finding
from orders.reconciliation.reported import store_reported
from orders.reconciliation.totals import Contract

#: Executions and positions are independent streams: what just traded is not compared.
GRACE_PERIOD = timedelta(seconds=5)


def store_live(session: str, writer: InboxWriter) -> None:
    """Store the positions reported since the last call."""
    reports, writer.positions = writer.positions, {}
    if reports:
        try:
            _store(session, reports.values(), clock.now())
        except Exception:
            writer.positions = reports | writer.positions  # those reported meanwhile are newer
            raise


def store_snapshot(session: str, snapshot: Snapshot) -> None:
    """Store the positions of a look; one that the broker no longer lists is zero.

    What was reported after the look stays.
    """
    newer = Position.objects.filter(account__session_id=session, reported_at__gt=snapshot.finished_at)
    keep = set(newer.values_list("account_id", "con_id"))
    listed = {(report.account, report.instrument.con_id): report for report in snapshot.positions}
    fresh = [report for contract, report in listed.items() if contract not in keep]
    _store(session, fresh, snapshot.finished_at)
    older = Position.objects.filter(account__session_id=session, reported_at__lt=snapshot.finished_at)
    gone = [row.pk for row in older.exclude(position_qty=0) if (row.account_id, row.con_id) not in listed]
    Position.objects.filter(pk__in=gone).update(position_qty=0, reported_at=snapshot.finished_at)


def _store(session: str, reports: Iterable[PositionReport], at: datetime) -> None:
    """Store what the broker knows of them; a position whose quantity it does not tell stays as it was."""
    accounts = set(BrokerAccount.objects.filter(session_id=session).values_list("code", flat=True))
    known = [(one, storable.number(one.position_qty)) for one in reports if one.account in accounts]
    rows = [_row(report, quantity, at) for report, quantity in known if quantity is not None]
    store_reported(Position, rows, ["account", "con_id"], ["position_qty", "avg_cost"])


def _row(report: PositionReport, quantity: Decimal, at: datetime) -> Position:
    """The position as the columns hold it: one in odd words keeps no other from being stored."""
    ref = report.instrument
    return Position(
        account_id=report.account,
        con_id=storable.whole(ref.con_id),
        symbol=storable.text(ref.symbol, 32),
        sec_type=storable.text(ref.sec_type, 16),
        currency=storable.text(ref.currency, 3),
        position_qty=quantity,
        avg_cost=storable.number(report.avg_cost),
        reported_at=at,
    )


def differences(session: str, moving: Collection[Contract]) -> tuple[list[Finding], set[str]]:
    """(where positions are not baseline plus executions, keys that were not judged).

    `moving` are contracts that just traded: executions and positions are independent streams.
    """
    ours = executed_quantities(session)
    found = []
    for position in Position.objects.filter(account__session_id=session):
        contract = (position.account_id, position.con_id)
        expected = position.baseline_qty + ours.pop(contract, Decimal(0))
        if expected != position.position_qty and contract not in moving:
            found.append(_finding(position, expected))
    for contract, quantity in ours.items():
        if quantity and contract not in moving:
            found.append(_finding(_unlisted(contract), quantity))
    return found, {Break.position_key(*contract) for contract in moving}


def executed_quantities(session: str) -> dict[Contract, Decimal]:
    """Signed quantity that our executions added to the baseline, by contract."""
    found: dict[Contract, Decimal] = {}
    for account in BrokerAccount.objects.filter(session_id=session).exclude(baseline_at=None):
        found |= baseline.quantities(account.code, baseline.traded_since_baseline(account))
    return found


def just_traded(session: str, since: datetime) -> set[Contract]:
    """Contracts with an execution after this time."""
    accounts = BrokerAccount.objects.filter(session_id=session)
    after = accounts.aggregate(least=Min("baseline_execution"))["least"] or 0
    recent = Execution.objects.filter(id__gt=after, account__in=accounts, received_at__gt=since)
    return set(recent.order_by().values_list("account_id", "con_id"))


def _unlisted(contract: Contract) -> Position:
    """A contract that we have executions of and the broker no position."""
    instrument = Instrument.objects.filter(con_id=contract[1]).first()
    return Position(
        account_id=contract[0],
        con_id=contract[1],
        symbol=instrument.symbol if instrument else str(contract[1]),
        sec_type=instrument.sec_type if instrument else "",
        currency=instrument.currency if instrument else "",
        position_qty=Decimal(0),
    )


def _finding(position: Position, expected: Decimal) -> Finding:
    reported = decimal_text(position.position_qty)
    ours = decimal_text(expected)
    instrument = Instrument.objects.filter(con_id=position.con_id).first()
    text = f"{position.symbol} in {position.account_id}: ours is {ours}, the broker's {reported}."
    return Finding(
        kind=BreakKind.POSITION,
        key=Break.position_key(position.account_id, position.con_id),
        account=position.account_id,
        instrument_id=instrument.pk if instrument else None,
        text=f"{text}{_perhaps(position, instrument, expected)}",
        ours={
            "con_id": str(position.con_id),
            "symbol": position.symbol,
            "sec_type": position.sec_type,
            "currency": position.currency,
            "baseline": decimal_text(position.baseline_qty),
            "expected": ours,
        },
        broker={"reported": reported},
    )


def _perhaps(position: Position, instrument: Instrument | None, expected: Decimal) -> str:
    """What it looks like: nothing is booked before the broker's statement, or a person, says so."""
    now = position.position_qty
    ended = instrument and "" < instrument.maturity <= f"{clock.now():%Y%m%d}"
    if ended and not now:
        return " Its last day is over: the statement will tell its expiry, exercise or settlement."
    if expected and now and now != expected:
        ratio = Fraction(now) / Fraction(expected)
        if ratio > 0 and min(ratio.numerator, ratio.denominator) == 1:
            said = f"{ratio.numerator} for {ratio.denominator}"
            return f" It may be a split of {said}: the statement tells it, or enter it (entersplit)."
    return ""
