"""The broker worker's side of markets and profits that people look at, on a thread of its own.

Orders never wait for it: the session only adds and drops subscriptions, slower than its pacing allows.
"""

from __future__ import annotations

import logging
import threading
import time

import msgspec
from django.db import close_old_connections

from brokers.errors import BrokerError
from brokers.inbox.writer import InboxWriter
from brokers.market import MarketView
from brokers.messages import InstrumentRef
from brokers.models import GatewaySession, Instrument
from brokers.port import BrokerSession, Link
from brokers.postgres import clock
from orders.instruments import market_views
from orders.instruments.contracts import reference
from orders.instruments.market_views import PublishedView
from orders.notify.redis_client import REDIS_ERRORS, client
from orders.reconciliation import profits
from orders.session.supervisor import WorkerThread

log = logging.getLogger(__name__)

EVERY = 0.5  # seconds
PROFITS_EVERY = 5.0  # seconds
MAX_SHOWN = 20  # instruments at once; who looks at one more is told that nothing is shown
TIMEOUT = 2.0  # seconds for the session's thread


class MarketDesk:
    """Shows the markets of one session that somebody looks at."""

    def __init__(
        self, name: str, session: BrokerSession, writer: InboxWriter, stopping: threading.Event
    ) -> None:
        self.name = name
        self.session = session
        self._writer = writer
        self._stopping = stopping
        self._followed = 0.0
        self._refs: dict[int, InstrumentRef] = {}
        self._shown = 0

    def show_forever(self, thread: WorkerThread) -> None:
        """Until the runtime stops."""
        while not self._stopping.wait(EVERY):
            with thread.turn():
                close_old_connections()
                try:
                    self.show()
                    self._follow_profits()
                except REDIS_ERRORS as error:
                    log.debug("markets not shown", extra={"error": repr(error)})
                except BrokerError as error:
                    log.warning("markets not shown", extra={"error": repr(error)})

    def _follow_profits(self) -> None:
        if time.monotonic() - self._followed >= PROFITS_EVERY:
            self._followed = time.monotonic()
            profits.follow(self.name, self.session, self._writer)

    def show(self) -> int:
        """One round: what is looked at now, shown as it is now; how many instruments."""
        refs = self._known(self._looked_at())
        if not refs and not self._shown:
            return 0
        # Read first: books go before the link does, so that none is shown under one that is lost.
        link = self.session.link
        views = self.session.market(list(refs.values()), TIMEOUT)
        self._shown = len(refs)
        if refs:
            self._publish(dict(zip(refs, views, strict=True)), link)
        return len(refs)

    def _looked_at(self) -> list[int]:
        """Instruments whose viewers' keys live; others are forgotten."""
        redis = client()
        members = sorted(int(member) for member in redis.smembers(market_views.viewed_key(self.name)))
        if not members:
            return []
        alive = redis.mget([market_views.viewer_key(self.name, pk) for pk in members])
        found = dict(zip(members, alive, strict=True))
        if gone := [pk for pk, lives in found.items() if not lives]:
            redis.srem(market_views.viewed_key(self.name), *gone)
        return [pk for pk, lives in found.items() if lives][:MAX_SHOWN]

    def _known(self, wanted: list[int]) -> dict[int, InstrumentRef]:
        """References of the wanted instruments that the broker knows; read once while they are looked at."""
        self._refs = {pk: ref for pk, ref in self._refs.items() if pk in wanted}
        if fresh := [pk for pk in wanted if pk not in self._refs]:
            rows = Instrument.objects.filter(pk__in=fresh).exclude(con_id=None)
            self._refs |= {row.pk: reference(row) for row in rows}
        return dict(self._refs)

    def _publish(self, views: dict[int, MarketView], link: Link) -> None:
        row = GatewaySession.objects.only("link_reason").get(pk=self.name)
        now = clock.now()
        with client().pipeline(transaction=False) as all_of_them:
            for pk, view in views.items():
                shown = PublishedView(view=view, link=link.value, link_reason=row.link_reason, shown_at=now)
                key = market_views.view_key(self.name, pk)
                all_of_them.set(key, msgspec.json.encode(shown), ex=market_views.SHOWN_FOR)
            all_of_them.execute()
