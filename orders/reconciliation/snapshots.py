"""Comparing our books with the broker's. What differs goes through the inbox, like everything it says.

A snapshot is complete or it does not exist (`brokers.messages.Snapshot`), so "not in it" can be read
as "not shown in this snapshot"; what that means for an order is decided in `sending.unknown_outcome`.

Its rows are applied or parked one by one, and only that decides whether the session may trade. An order whose
row is parked is shown, so it is never proven absent. All else are steps that fail by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from django.db import transaction

from brokers.inbox.applier import Applier
from brokers.inbox.parking import apply_in_batches
from brokers.messages import ExecutionsMissing, OrderAbsent, OrderReport, Snapshot
from brokers.models import BrokerAccount, GatewaySession
from brokers.port import InboundMessage
from brokers.postgres import clock, storable
from brokers.rows import Keys
from orders.booking.flags import SessionFlags
from orders.booking.parked import close_parked_rows, rearm_parked
from orders.models import (
    BreakKind,
    ReconciliationKind,
    ReconciliationRun,
)
from orders.reconciliation import (
    account_values,
    baseline,
    breaks,
    cash,
    comparison,
    lost_cancels,
    positions,
)
from orders.reconciliation.breaks import Finding
from orders.reconciliation.evidence import SnapshotEvidence
from orders.reconciliation.news import News, missing_orders, news_of, unexplained
from orders.reconciliation.snapshot_rows import Row, absence_topic, message, topic_of
from orders.reconciliation.steps import Steps
from orders.sending import absence
from orders.sending.absence import Doubt
from orders.store import advisors


def apply_snapshot(
    session: str, snapshot: Snapshot, lease_epoch: int, flags: SessionFlags, applier: Applier
) -> ReconciliationRun:
    """Bring our books to the snapshot: what it shows, then what it does not show; what is left is a break.

    Runs on the inbox writer's thread, so all callbacks of the snapshot have been applied before. Raises only
    while the database is away.
    """
    steps = Steps(session)
    books = SnapshotBooking(session, snapshot, flags, applier, steps)
    steps.run("try parked messages again", lambda: rearm_parked(session), instead=None)
    books.apply_news()
    books.apply_missing(lease_epoch)
    repeated = steps.run("repeat lost cancels", lambda: lost_cancels.repeat(session, snapshot), instead=0)
    _store_account(steps, session, snapshot)

    def compare() -> list[Finding]:
        return _record_breaks(session, snapshot, books.applied(), books.missing)

    findings: list[Finding] = steps.run("compare", compare, instead=[])
    books.apply_unexplained()
    books.close_parked()
    counts = {**books.counts(), "cancels_repeated": repeated, "breaks": len(findings)}
    differences = [*books.differences(), *(finding.as_difference() for finding in findings)]
    ok = not (findings or books.is_short() or steps.errors)
    return _record(session, ReconciliationKind.ORDERS, snapshot, counts, differences, ok=ok, steps=steps)


class SnapshotBooking:
    """The rows of one snapshot on their way through the inbox, and which of them could not be applied."""

    def __init__(
        self, session: str, snapshot: Snapshot, flags: SessionFlags, applier: Applier, steps: Steps
    ) -> None:
        self.session = session
        self.snapshot = snapshot
        self.flags = flags
        self.applier = applier
        self.steps = steps
        self.news: list[OrderReport] = []
        self.seen = Keys()
        self.missing: list[OrderAbsent] = []
        #: What the snapshot does not show and why that proves nothing, by order.
        self.unproven: dict[UUID, str] = {}
        self.held: list[ExecutionsMissing] = []
        self._parked: set[str] = set()

    def _submit(self, rows: Sequence[Row]) -> None:
        refused = apply_in_batches(self.applier, [message(self.snapshot, row) for row in rows])
        self._parked.update(item.topic for item in refused if isinstance(item, InboundMessage))

    def apply_news(self) -> None:
        """What the snapshot shows that our books do not; all of it, when that cannot be told."""

        def find() -> News | None:
            return news_of(self.session, self.snapshot)

        found = self.steps.run("find news", find, instead=None)
        if found is None:  # not before: the reports of a long day are many
            found = News(list(self.snapshot.orders))
        self.news, self.seen = found.reports, found.seen
        self.flags.snapshot_wanted |= found.contradicts
        self._submit(self.news)

    def applied(self) -> list[OrderReport]:
        """The news that our books have taken in."""
        return [report for report in self.news if topic_of(report) not in self._parked]

    def apply_missing(self, lease_epoch: int) -> None:
        """What it should show and does not; only a full snapshot can say so."""
        self.missing = self.steps.run(
            "find missing orders", lambda: self._find_missing(lease_epoch), instead=[], after=("find news",)
        )
        self.flags.snapshot_wanted |= bool(self.missing) and not self.snapshot.full
        self.flags.unproven = self.unproven
        self._submit(self.missing if self.snapshot.full else [])

    def _find_missing(self, lease_epoch: int) -> list[OrderAbsent]:
        evidence = SnapshotEvidence(self.session, self.snapshot, self.flags.skew)
        missing, doubted = missing_orders(self.session, self.snapshot, self.seen, lease_epoch, evidence)
        self.unproven.update((order.id, absence.in_words(doubts)) for order, doubts in doubted.items())
        self.flags.snapshot_wanted |= any(Doubt.NOT_SETTLED in doubts for doubts in doubted.values())
        return missing

    def apply_unexplained(self) -> None:
        """Totals without their executions."""
        self.held = self.steps.run(
            "find the unexplained", lambda: unexplained(self.session, self.applied()), instead=[]
        )
        self._submit(self.held)

    def close_parked(self) -> None:
        """What earlier snapshots said of the same and could not be applied is over."""
        rows = chain[Row](self.snapshot.orders, self.missing, self.held)
        judged = (topic for row in rows if (topic := topic_of(row)) not in self._parked)

        def is_shown(topic: str) -> bool:
            return topic.removeprefix(absence_topic("")) in self.seen

        self.steps.run(
            "close parked rows", lambda: close_parked_rows(self.session, judged, is_shown), instead=None
        )

    def is_short(self) -> bool:
        """Whether the snapshot left a question about an order open."""
        return bool(self.missing or self.unproven or self._parked)

    def counts(self) -> dict[str, int]:
        """What the run's row counts."""
        return {
            "orders": len(self.snapshot.orders),
            "executions": len(self.snapshot.executions),
            "news": len(self.news),
            "parked": len(self._parked),
            "missing": len(self.missing),
            "unproven": len(self.unproven),
        }

    def differences(self) -> list[dict[str, str]]:
        """What was news and what proves nothing, for the run's row."""
        said = [_as_difference(report, topic_of(report) in self._parked) for report in self.news]
        nothing = "the broker does not show it, which proves nothing"
        unproven = self.unproven.items()
        return said + [{"order_id": str(pk), "difference": f"{nothing}: {why}"} for pk, why in unproven]


def _store_account(steps: Steps, session: str, snapshot: Snapshot) -> None:
    """Positions, cash and account values as reported; an account's first snapshot of both is its baseline."""

    def reconciled() -> None:
        GatewaySession.objects.filter(name=session).update(reconciled_at=clock.now())

    steps.run(
        "store the advisor's groups", lambda: _whole(advisors.store, session, snapshot.advisor), instead=None
    )
    steps.run("store positions", lambda: _whole(positions.store_snapshot, session, snapshot), instead=None)
    steps.run("store cash", lambda: _whole(cash.store, session, snapshot), instead=None)
    steps.run("store account values", lambda: _whole(account_values.store_snapshot, snapshot), instead=None)
    steps.run(
        "begin baselines",
        lambda: _whole(_begin_baselines, session, snapshot),
        instead=None,
        after=("store positions", "store cash"),
    )
    steps.run("record the time", reconciled, instead=None)


def _whole(step: Callable[..., object], *facts: object) -> None:
    with transaction.atomic():
        step(*facts)


def _begin_baselines(session: str, snapshot: Snapshot) -> None:
    for account in BrokerAccount.objects.filter(session_id=session, baseline_at=None):
        baseline.begin(account, snapshot.finished_at)


def _record_breaks(
    session: str, snapshot: Snapshot, news: Sequence[OrderReport], missing: Sequence[OrderAbsent]
) -> list[Finding]:
    """What differs still. Orders are judged by completed ones too, executions only together with shares."""
    kinds = [BreakKind.COMMISSION, BreakKind.LOST_HISTORY]
    found = [*comparison.commissions(session), *comparison.lost_history(session)]
    if snapshot.with_shares:
        kinds.append(BreakKind.EXECUTION)
        found += [*comparison.executions(session, snapshot), *comparison.combinations(session, snapshot)]
    if snapshot.full:
        kinds.append(BreakKind.ORDER)
        found += comparison.orders(session, snapshot, news, missing)
    known = set(BrokerAccount.objects.values_list("code", flat=True))
    return breaks.record(session, kinds, [_storable(finding, known) for finding in found])


def _storable(finding: Finding, accounts: Collection[str]) -> Finding:
    """What the broker shows of an execution may be any text, and its account one that we do not have."""
    return replace(
        finding,
        key=storable.key(finding.key, 100),
        text=storable.text(finding.text),
        broker=storable.plain(finding.broker),
        account=finding.account if finding.account in accounts else None,
    )


def compare_account(session: str, snapshot: Snapshot) -> list[ReconciliationRun]:
    """The broker's positions and cash against what was there at the baseline plus our executions."""
    moving = positions.just_traded(session, snapshot.started_at - positions.GRACE_PERIOD)
    of_positions = positions.differences(session, moving)
    of_cash = cash.differences(session, snapshot, {account for account, _ in moving})
    return [
        _compare(session, snapshot, ReconciliationKind.POSITIONS, BreakKind.POSITION, *of_positions),
        _compare(session, snapshot, ReconciliationKind.CASH, BreakKind.CASH, *of_cash),
    ]


def _compare(
    session: str,
    snapshot: Snapshot,
    kind: ReconciliationKind,
    breaking: BreakKind,
    found: list[Finding],
    not_judged: set[str],
) -> ReconciliationRun:
    found = breaks.record(session, [breaking], found, not_judged)
    counts = {"differences": len(found), "just_traded": len(not_judged)}
    differences = [{**finding.as_difference(), **finding.ours, **finding.broker} for finding in found]
    return _record(session, kind, snapshot, counts, differences, ok=not found)


def record_failure(session: str, kind: ReconciliationKind, started_at: datetime, error: Exception) -> None:
    """A snapshot that failed or was not complete: shown as failed, never read as "nothing there"."""
    ReconciliationRun.objects.create(
        session_id=session,
        kind=kind,
        started_at=started_at,
        finished_at=clock.now(),
        ok=False,
        error=storable.text(str(error)) or type(error).__name__,
    )


def _as_difference(report: OrderReport, parked: bool) -> dict[str, str]:
    identity = report.identity
    not_applied = ", which could not be applied" if parked else ""
    return {
        "order_ref": storable.text(identity.order_ref),
        "perm_id": str(identity.perm_id),
        "difference": f"the broker says {report.status}{not_applied}",
    }


def _record(
    session: str,
    kind: ReconciliationKind,
    snapshot: Snapshot,
    counts: dict[str, int],
    differences: Iterable[dict[str, str]],
    *,
    ok: bool,
    steps: Steps | None = None,
) -> ReconciliationRun:
    return ReconciliationRun.objects.create(
        session_id=session,
        kind=kind,
        started_at=snapshot.started_at,
        finished_at=clock.now(),
        ok=ok,
        error=steps.finish() if steps else "",
        counts=counts,
        differences=storable.plain(list(differences)[:500]),
    )


RUN_RETENTION = timedelta(days=7)


def forget_old_runs() -> int:
    """Delete results older than a week; those with differences stay."""
    old = ReconciliationRun.objects.filter(finished_at__lt=clock.now() - RUN_RETENTION, ok=True)
    return old.delete()[0]
