"""What the inbox writer calls: the order domain's side of one session (`brokers.inbox.applier.Applier`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from django.db import transaction

from brokers.gate import lease as leases
from brokers.gate.breaker import Breaker
from brokers.gate.lease import Lease, LeaseLost
from brokers.inbox.applier import InboxItem
from brokers.models import GatewaySession, LinkChange
from brokers.port import InboundMessage, Link
from brokers.postgres import clock
from orders.booking import parked
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.models import AlertKind
from orders.notify import wakeup
from orders.notify.alerts import raise_alert
from orders.sending import order_ids, replaces
from orders.sending.answers import mark_unanswered

log = logging.getLogger(__name__)


class SessionApplier:
    """Applies what one session received."""

    def __init__(
        self,
        session: str,
        flags: SessionFlags,
        breaker: Breaker,
        on_link: Callable[[], None],
        lease: Lease | None = None,
    ) -> None:
        """What it records of the session itself, the holder of the lease records only."""
        self.session = session
        self.lease = lease
        self.flags = flags
        self.breaker = breaker
        self.on_link = on_link
        self.reconnect: Callable[[str], None] = lambda reason: None

    def apply(self, items: Sequence[InboxItem]) -> None:
        """Store and apply a batch, whole or not at all."""
        wanted = self.flags.snapshot_wanted
        apply_items(self.session, items, self.flags)
        self.notify_breaker()
        if self.flags.group_moved or (self.flags.snapshot_wanted and not wanted):
            self.flags.group_moved = False
            self.on_link()

    def notify_breaker(self) -> None:
        """Hand on what applying saw of answers; on the writer's thread, like all that records it."""
        if self.flags.answered:
            self.breaker.answered()
        self.breaker.unanswered(self.flags.unanswered)
        self.flags.answered, self.flags.unanswered = False, 0

    def park(self, message: InboundMessage, error: Exception) -> None:
        """Store what could not be applied, with an alert; a callback is tried again."""
        parked.park(self.session, message, error)

    def link_changed(self, link: Link, reason: str) -> None:
        """Record the link. A dropped one leaves everything sent but unanswered in doubt."""
        try:
            with transaction.atomic():
                self._record_link(link, reason)
                if self.lease:
                    leases.require(self.lease)
        except LeaseLost:
            log.warning("link of a former holder", extra={"session": self.session, "link": link})
            return
        if link is Link.READY:
            self.breaker.reconciled()
        wakeup.sessions_changed()
        self.on_link()

    def _record_link(self, link: Link, reason: str) -> None:
        now = clock.now()
        if link in (Link.DOWN, Link.BROKER_LOST):
            why = f"the link went down: {reason}"
            mark_unanswered(self.session, before=now, why=why)
            replaces.mark_unanswered(self.session, before=now, why=why)
        facts: dict[str, object] = {"link": link, "link_reason": reason[:300], "link_changed_at": now}
        if link is Link.CONNECTED:
            facts["connected_at"] = now
        GatewaySession.objects.filter(name=self.session).update(**facts)
        LinkChange.objects.create(session_id=self.session, link=link, reason=reason[:300], at=now)
        if link is Link.DOWN:
            order_ids.forget_gateway(self.session)

    def connection_failed(self) -> None:
        """The breaker counts what the gateway refuses."""
        self.breaker.connection_failed()

    def on_overflow(self, count: int) -> None:
        """What was not stored is asked for again, whole, on a new connection."""
        self.alarm("overflow", f"{count} callbacks of the broker were dropped while the database was away.")
        self.reconnect(f"{count} callbacks were dropped")

    def next_valid_id(self, broker_order_id: int) -> None:
        """A gateway that lost its settings starts over, our ids do not."""
        order_ids.learn(self.session, broker_order_id)

    def alarm(self, subject: str, text: str) -> None:
        """Put it before a person: what was missed is in the next snapshot, if that can be read."""
        self.flags.snapshot_wanted = True
        raise_alert(AlertKind.SESSION, session=self.session, subject=subject[:120], text=text)
        self.on_link()
