"""Sending: claim what pacing lets out, commit, hand over, and record what the port answered.

Nothing here ever sends twice: a send whose outcome is unknown makes the order UNCONFIRMED, and only
`reconciliation` may put it back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.db import transaction

from brokers.errors import BrokerError, BrokerUnavailable
from brokers.gate.breaker import Breaker
from brokers.gate.lease import Lease, LeaseLost
from brokers.gate.pacing import Pacer, Share
from brokers.messages import NewOrder, ReplaceOrder
from brokers.port import BrokerSession, Link, Sent
from brokers.postgres import clock
from orders.models import (
    Cause,
    CommandKind,
    Order,
    OutboxCommand,
    State,
)
from orders.notify import wakeup
from orders.sending import answers, replaces
from orders.sending.claim import (
    BATCH,
    claim_cancels,
    claim_group,
    claim_orders,
    claim_replaces,
)
from orders.sending.halted import stopped
from orders.sending.unknown_outcome import (
    fail_order,
)
from orders.sending.waiting import LARGEST_GROUP, group_is_first, kinds_waiting
from orders.store.orders import store_orders

log = logging.getLogger(__name__)

C = TypeVar("C", NewOrder, ReplaceOrder)

CLAIM_HOLDS = 0.25  # seconds for which a claim's look at the trading states is believed without being told
PACING_WAIT = (0.005, 0.05)  # seconds between two tries while pacing holds work back, least and most


@dataclass
class Submission:
    """What one run of a session's submission handed over."""

    orders: int = 0
    replaces: int = 0
    cancels: int = 0
    paced_s: float = 0.0  # seconds that it waited for the gateway's pace
    ran: bool = False  # False: another was at it, and looks again

    @property
    def commands(self) -> int:
        """How many of all kinds."""
        return self.orders + self.replaces + self.cancels

    def add(self, kind: CommandKind, count: int) -> int:
        """Note so many more of a kind; returns their count."""
        name = SUBMITTED[kind]
        setattr(self, name, getattr(self, name) + count)
        return count


SUBMITTED = {CommandKind.NEW: "orders", CommandKind.REPLACE: "replaces", CommandKind.CANCEL: "cancels"}


@dataclass
class Grant:
    """Messages that pacing lets out now, and how many of them were used."""

    size: int
    used: int = 0


class Submitter:
    """Sends what waits in one session's outbox; any thread may ask, one at a time works."""

    def __init__(
        self,
        session: BrokerSession,
        lease: Lease,
        breaker: Breaker,
        pacer: Pacer,
        recheck: Callable[[], int],
        recheck_replaces: Callable[[], int],
    ) -> None:
        self.recheck = recheck  # checks those again whose checks hold no longer; how many those were
        self.recheck_replaces = recheck_replaces
        self.session = session
        self.lease = lease
        self.breaker = breaker
        self.stopping = False
        self.pacer = pacer
        self.working = threading.Lock()
        #: A trading state changed: what is claimed now is asked once more before it is handed over.
        self.states_changed = threading.Event()
        self._wanted = False
        self._asked = threading.Event()  # something new may wait: whoever waits for its pace looks at once

    def submit(self, beat: Callable[[], None] = lambda: None) -> Submission:
        """Send all that may be sent, at the pace the gateway takes, until nothing waits; beats meanwhile.

        Where another thread is at it, that one looks once more and this one returns at once: it sees the
        wish when it has let go of the lock, unless this thread got the lock itself.
        """
        done = Submission()
        self._wanted = True
        self._asked.set()
        while self._wanted and not self.stopping and self.working.acquire(blocking=False):
            try:
                self._wanted = False
                done.ran = True
                self._send_all(done, beat)
            except LeaseLost:
                # The next holder has put what was claimed in doubt, and finds out about it.
                log.exception("lease lost during a submission", extra={"session": self.lease.name})
                self.stopping = True
            finally:
                self.working.release()
        return done

    def stop(self, timeout: float) -> None:
        """Claim nothing more; waits so long (seconds) for the hand-over that is under way."""
        self.stopping = True
        if self.working.acquire(timeout=timeout):
            self.working.release()

    def _send_all(self, done: Submission, beat: Callable[[], None]) -> None:
        sends = {
            CommandKind.CANCEL: self._send_cancels,
            CommandKind.REPLACE: self._send_replaces,
            CommandKind.NEW: self._send_orders,
        }
        # Most often one new order waits and nothing else: no look before it is on the wire.
        done.add(CommandKind.NEW, self._send_orders(if_alone=True))
        wakeup.submission_begins(self.lease.name)
        while not self.stopping and (waiting := kinds_waiting(self.lease.name)):
            beat()
            self._asked.clear()  # what is asked from now on ends the wait
            if sum(done.add(kind, send()) for kind, send in sends.items() if kind in waiting):
                continue
            if not self._held_back(waiting):
                return
            done.paced_s = round(done.paced_s + self._wait_for_room(), 3)

    def _wait_for_room(self) -> float:
        """Until one more message may go out, or something new waits; the seconds."""
        least, most = PACING_WAIT
        began = time.monotonic()
        self._asked.wait(min(most, max(least, self.pacer.wait())))
        return time.monotonic() - began

    @contextmanager
    def _granted(self, share: Share = Share.ORDERS) -> Iterator[Grant]:
        """What pacing lets out now; what was claimed counts once it was handed over, or failed to be."""
        grant = Grant(self.pacer.take(BATCH, share))
        try:
            yield grant
        finally:
            self.pacer.went(grant.size, grant.used)

    def _send_cancels(self) -> int:
        if self.session.link is Link.DOWN:
            return 0
        with self._granted(Share.CANCELS) as grant:
            cancels = claim_cancels(self.lease, limit=grant.size) if grant.size else []
            grant.used = len(cancels)
            if cancels:
                answers.record_cancels(self.lease, cancels, self.session.cancel(cancels))
        return len(cancels)

    def _send_replaces(self) -> int:
        if not self._gate_is_open():
            return 0
        with self._granted() as grant:
            began, room = self._claim_begins(), grant.size
            claimed = claim_replaces(self.lease, limit=room) if room else []
            if room and not claimed and self.recheck_replaces():
                claimed = claim_replaces(self.lease, limit=room)
            grant.used = len(claimed)
            if claimed:
                told = self._hand_over(self.session.replace, claimed, began)
                replaces.record_answers(self.lease, claimed, told)
        return len(claimed)

    def _send_orders(self, *, if_alone: bool = False) -> int:
        if not self._gate_is_open():
            return 0
        with self._granted() as grant:
            room = self.breaker.room(grant.size)
            began = self._claim_begins()
            paced = grant.size < self._group_room
            orders = self._claim(room, if_alone=if_alone, paced=paced) if room else []
            grant.used = len(orders)
            self.breaker.sent(len(orders))
            if orders:
                answers.record_sends(self.lease, orders, self._hand_over(self.session.place, orders, began))
        return len(orders)

    def _claim(self, room: int, *, if_alone: bool, paced: bool) -> list[NewOrder]:
        """What goes first of single orders and groups, as many as there is room for.

        While it is `paced`, a group that goes first has singles wait until there is room for all of it: else
        they took that away one by one.
        """
        if if_alone:
            return claim_orders(self.lease, limit=room, if_alone=True)
        claims = [claim_orders, claim_group]
        if group_is_first(self.lease.name):
            if paced:
                return []
            claims.reverse()
        first, second = claims
        orders = first(self.lease, limit=room)
        if not orders and self.recheck():  # a claim takes none whose checks hold no longer
            orders = first(self.lease, limit=room)
        return orders or second(self.lease, limit=room)

    @property
    def _group_room(self) -> int:
        return min(LARGEST_GROUP, self.pacer.burst)

    def _claim_begins(self) -> float:
        """A change that is committed from now on is told, or the claim sees it itself."""
        self.states_changed.clear()
        return time.monotonic()

    def _gate_is_open(self) -> bool:
        """No new order before the session has reconciled since its last (re)connect, nor around a restart."""
        window = settings.GATEWAY_CALENDARS[self.lease.name].restart
        return self.session.link is Link.READY and not (window and window.covers(clock.now()))

    def _hand_over(
        self, send: Callable[[Sequence[C]], list[Sent]], commands: Sequence[C], began: float
    ) -> list[Sent]:
        """Give them to the session, but for those that a trading state stops which came after the claim."""
        why = self._stopped(commands, began)
        held: list[Sent] = [
            Sent(order_id=key, error=BrokerUnavailable(f"not sent: {text}")) for key, text in why.items()
        ]
        going: list[C] = [command for command in commands if command.order_id not in why]
        if not going:
            return held
        try:
            return [*held, *send(going)]
        except Exception as error:
            # The hand-over itself broke: any of them may have gone out.
            log.exception("hand-over failed", extra={"session": self.lease.name})
            unknown: BrokerError = BrokerError(f"hand-over failed: {error!r}")
            return [*held, *(Sent(order_id=command.order_id, error=unknown) for command in going)]

    def _stopped(self, commands: Sequence[C], began: float) -> dict[str, str]:
        """Which are stopped, and why. The database is asked only where it may know more than the claim did.

        A chain that is held at the gateway until its last order goes whole or not at all.
        """
        if not self.states_changed.is_set() and time.monotonic() - began < CLAIM_HOLDS:
            return {}
        why = stopped([command.order_id for command in commands])
        is_chain = any(isinstance(command, NewOrder) and command.wait_for_rest for command in commands)
        if why and is_chain:
            return {command.order_id: next(iter(why.values())) for command in commands}
        return why

    def _held_back(self, waiting: Collection[str]) -> bool:
        """Whether commands of these kinds wait only because pacing is used up."""
        if CommandKind.CANCEL in waiting and not self.pacer.room(Share.CANCELS):
            return self.session.link is not Link.DOWN
        if self.pacer.room() >= self._group_room or not self._gate_is_open() or not self.breaker.room(1):
            return False
        return (
            replaces.waiting(self.lease.name)
            or OutboxCommand.objects.filter(
                session_id=self.lease.name,
                done_at=None,
                kind=CommandKind.NEW,
                not_before__lte=clock.now(),
                order__state=State.CREATED,
            ).exists()
        )


def expire_stale(session: str) -> int:
    """Give up orders that were not sent while fresh: FAILED with reason STALE."""
    now = clock.now()
    with transaction.atomic():
        stale = list(
            Order.objects.select_for_update(skip_locked=True)
            .filter(session_id=session, state=State.CREATED, fresh_until__lte=now)
            .order_by("id")[: replaces.AT_ONCE]
        )
        for order in stale:
            fail_order(order, "STALE", Cause(actor="freshness", at=now))
        store_orders(stale)
    return len(stale)
