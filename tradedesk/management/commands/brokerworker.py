"""`manage.py brokerworker SESSION`: own one gateway session, or stand by until it is free."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, close_old_connections

from brokers.gate.lease import Lease
from brokers.postgres import database
from orders.session.runtime import SessionRuntime, take_lease
from tradedesk.env import SessionConfig
from tradedesk.liveness import STANDING_BY, Heartbeat
from tradedesk.workers import broker_worker

STAND_BY_EVERY = 0.25  # seconds


class Command(BaseCommand):
    help = "Own one gateway session: send its orders, hear the broker, reconcile. A second one stands by."
    requires_system_checks = []  # `migrate` has made them; orders wait for this process to be back

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("session", help="name of the session, as in TRADEDESK_SESSIONS")

    def handle(self, *args: Any, session: str, **options: Any) -> None:
        config = settings.BROKER_SESSIONS.get(session)
        if config is None:
            known = ", ".join(settings.BROKER_SESSIONS)
            raise CommandError(f"There is no session {session!r}; TRADEDESK_SESSIONS names: {known}.")
        heartbeat = Heartbeat(f"broker-{session}")
        lease = self._wait_for_lease(config, heartbeat)
        if lease is None:
            return
        runtime = SessionRuntime(
            lease, adapter=config.adapter, host=config.host, port=config.port, client_id=config.client_id
        )
        runtime.supervisor.on_look = heartbeat.beat
        sys.exit(broker_worker.run(runtime))

    def _wait_for_lease(self, config: SessionConfig, heartbeat: Heartbeat) -> Lease | None:
        """Stand by until the lease is ours; None when told to stop meanwhile."""
        stopping = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stopping.set())
        said = False
        while not stopping.is_set():
            lease = self._try(config)
            heartbeat.beat(STANDING_BY)
            if lease:
                return lease
            if not said:
                self.stdout.write(f"session {config.name}: standing by")
                said = True
            stopping.wait(STAND_BY_EVERY)
        return None

    def _try(self, config: SessionConfig) -> Lease | None:
        try:
            close_old_connections()
            return take_lease(config.name, config.client_id)
        except Error as error:
            if not database.is_away(error):
                raise
            self.stderr.write(f"session {config.name}: waiting for the database: {error}")
            database.discard_connection()
            return None
