"""Reconciliation rounds of one session: a snapshot of the broker is taken, and our books are brought to it.

Taken on the thread that asks, applied on the inbox writer's, between the messages that came meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from brokers.errors import BrokerError
from brokers.gate import lease as leases
from brokers.gate.lease import Lease
from brokers.inbox.writer import InboxWriter
from brokers.messages import Snapshot
from brokers.port import BrokerSession, Link
from brokers.postgres import clock, database
from orders.booking.flags import SessionFlags
from orders.models import Order, ReconciliationKind, ReconciliationRun, State
from orders.reconciliation import snapshots
from orders.sending import replaces
from orders.sending.answers import late_cancels
from orders.session import logins
from orders.session.applier import SessionApplier

log = logging.getLogger(__name__)

SNAPSHOT_TIMEOUT = 30.0  # seconds
APPLY_TIMEOUT = 60.0  # seconds
COMMISSION_SNAPSHOT_AFTER = timedelta(seconds=3)
COMMISSION_SNAPSHOT_EVERY = 10.0  # seconds
#: Of a long day the broker tells for long, and what else it says waits behind that. Looks that nobody is in
#: doubt for leave most of the time to orders then: each rests so many times as long as it took.
LONG_LOOK = 3.0  # seconds
REST = 9
LONGEST_REST = 120.0  # seconds; less than whoever asks for a comparison waits for it
TURN = 60.0  # seconds that one look waits for another


class ReconciliationRounds:
    """Those of one session, while this process holds its lease."""

    def __init__(
        self,
        lease: Lease,
        session: BrokerSession,
        flags: SessionFlags,
        applier: SessionApplier,
        writer: InboxWriter,
    ) -> None:
        self.name = lease.name
        self.lease = lease
        self.session = session
        self.flags = flags
        self.applier = applier
        self.writer = writer
        self._looking = threading.Lock()
        self._rests_until: dict[ReconciliationKind, float] = defaultdict(float)
        self._last_full = self._full_rests_until = self._last_for_commissions = 0.0

    def reconcile(self, *, full: bool) -> ReconciliationRun | None:
        """Take a snapshot of the broker and bring our books to it; None while it rests or if incomplete."""
        found = self._take(ReconciliationKind.ORDERS, full=full, rests=True)
        return found[1] if found else None

    def reconcile_positions(self) -> list[ReconciliationRun]:
        """Compare positions and cash with our executions; empty while it rests or if incomplete."""
        found = self._take(ReconciliationKind.POSITIONS, full=False, rests=True)
        return snapshots.compare_account(self.name, found[0]) if found else []

    def _take(
        self, kind: ReconciliationKind, *, full: bool, rests: bool = False
    ) -> tuple[Snapshot, ReconciliationRun] | None:
        """One look at a time, two would take twice as long; one that `rests` does so after a long one."""
        if rests and (rest := self._rests_until[kind] - time.monotonic()) > 0:
            log.info("look left out", extra={"session": self.name, "kind": kind, "rests": round(rest, 1)})
            return None
        if not self._looking.acquire(timeout=TURN):
            log.warning("look given up, another is under way", extra={"session": self.name})
            return None
        began = time.monotonic()  # not before: waiting for another is no long look
        try:
            return self._look(kind, full=full)
        finally:
            took = time.monotonic() - began
            if rests and took > LONG_LOOK:
                self._rests_until[kind] = time.monotonic() + min(REST * took, LONGEST_REST)
            self._looking.release()

    def _look(self, kind: ReconciliationKind, *, full: bool) -> tuple[Snapshot, ReconciliationRun] | None:
        started_at = clock.now()
        try:
            snapshot = self.session.snapshot(SNAPSHOT_TIMEOUT, full=full)
        except BrokerError as error:
            log.warning("snapshot not complete", extra={"session": self.name, "error": str(error)})
            snapshots.record_failure(self.name, kind, started_at, error)
            return None
        if problem := logins.problem(self.name, snapshot.accounts):
            logins.refuse(self.session, self.name, problem)
            snapshots.record_failure(self.name, kind, started_at, BrokerError(problem))
            return None
        runs: list[ReconciliationRun] = []

        def apply() -> None:
            with transaction.atomic():
                leases.require(self.lease)  # one that was taken by a former holder proves nothing any more
            facts = self.name, snapshot, self.lease.epoch, self.flags
            runs.append(snapshots.apply_snapshot(*facts, self.applier))
            self.applier.notify_breaker()

        try:
            self.writer.do(apply, APPLY_TIMEOUT)
        except Exception as error:  # the gate stays closed, and the rest of the sweep goes on
            if database.is_away(error):
                raise
            log.exception("snapshot not applied", extra={"session": self.name})
            snapshots.record_failure(self.name, kind, started_at, error)
            return None
        if full:
            logins.accept(self.name)
            self.session.ready(snapshot)
        return snapshot, runs[0]

    def proof(self) -> Snapshot | None:
        """A complete snapshot that our books have taken in; None where there is none now."""
        if self.session.link is not Link.READY:
            return None
        found = self._take(ReconciliationKind.ORDERS, full=True)
        return found[0] if found else None

    def where_needed(self) -> None:
        """A full one on a new connection or in doubt; one of executions for commissions that are late."""
        link, monotonic = self.session.link, time.monotonic()
        if self._looking.locked():
            return  # the sweep comes again, and has more to do than to wait
        if link is Link.CONNECTED:
            self._full(monotonic)
        elif link is Link.READY and self._may_look_in_full(monotonic):
            if self.flags.snapshot_wanted or self._in_doubt():
                self._full(monotonic)
            elif monotonic - self._last_for_commissions >= COMMISSION_SNAPSHOT_EVERY:
                late = self._late_commissions()
                if late.exists():
                    self._last_for_commissions = monotonic
                    # Commissions of a group order are those of its shares, which only a full look asks for.
                    self.reconcile(full=late.filter(special__has_key="allocation").exists())

    def _may_look_in_full(self, monotonic: float) -> bool:
        """Whether the one before is as long ago as it took, so that orders are answered between them."""
        paused = monotonic - self._last_full >= settings.RESOLUTION_PAUSE
        return paused and monotonic >= self._full_rests_until

    def _full(self, monotonic: float) -> None:
        self.flags.snapshot_wanted = False
        self._last_full = monotonic
        self._take(ReconciliationKind.ORDERS, full=True)
        ended = time.monotonic()
        self._full_rests_until = ended + (ended - monotonic)

    def _in_doubt(self) -> bool:
        doubtful = Order.objects.filter(session_id=self.name, state=State.UNCONFIRMED, held_for_desk=False)
        return doubtful.exists() or replaces.any_unconfirmed(self.name) or late_cancels(self.name)

    def _late_commissions(self) -> QuerySet[Order]:
        """Orders that are filled and whose commissions should have come by now."""
        late = clock.now() - COMMISSION_SNAPSHOT_AFTER
        return Order.objects.filter(session_id=self.name, state=State.FILLED, last_fill_at__lt=late)
