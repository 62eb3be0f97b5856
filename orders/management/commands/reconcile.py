"""`manage.py reconcile [--account A]`: compare our books with the broker's now, and say what differs."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.models import BrokerAccount
from orders.models import ReconciliationRun
from orders.reconciliation.on_demand import reconcile_now


class Command(BaseCommand):
    help = "Compare orders, executions and positions with the broker now; exit 1 when something differs."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="only the session that carries this account")
        parser.add_argument("--limit", type=float, default=180.0, help="seconds to wait (default 180)")

    def handle(self, *args: Any, account: str | None, limit: float, **options: Any) -> None:
        agreed = [self._reconcile(session, limit) for session in self._sessions(account)]
        if not all(agreed):
            sys.exit(1)

    def _sessions(self, account: str | None) -> list[str]:
        if account is None:
            return list(settings.BROKER_SESSIONS)
        row = BrokerAccount.objects.filter(pk=account).first()
        if row is None:
            raise CommandError(f"There is no account {account}.")
        return [row.session_id]

    def _reconcile(self, session: str, limit: float) -> bool:
        try:
            runs = reconcile_now(session, limit=limit)
        except TimeoutError as error:
            raise CommandError(f"{error}; is `manage.py brokerworker {session}` running?") from None
        for run in runs:
            self._print(run)
        return all(run.ok for run in runs)

    def _print(self, run: ReconciliationRun) -> None:
        word = "agrees" if run.ok else run.error or f"{len(run.differences)} differences"
        self.stdout.write(f"{run.session_id} {run.kind.lower()}: {word}")
        for difference in run.differences:
            self.stdout.write("  " + ", ".join(f"{key} {value}" for key, value in difference.items()))
