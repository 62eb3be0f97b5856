"""`manage.py gateway restart SESSION`: have IBC restart a session's gateway; its login is kept."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.errors import BrokerUnavailable
from brokers.ib import controller
from orders.controls.audit.acting import at_shell, record
from orders.management.people import proven


class Command(BaseCommand):
    help = "Restart the gateway of a session by IBC's command port (TRADEDESK_GATEWAY_CONTROL)."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["restart"])
        parser.add_argument("session")
        parser.add_argument("--by", required=True, help="who decides; asked for the password")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, session: str, **options: Any) -> None:
        """Ask IBC, and keep who did and what came of it."""
        address = settings.GATEWAY_CONTROLS.get(session)
        if address is None:
            raise CommandError(f"TRADEDESK_GATEWAY_CONTROL names no command port for the session {session}.")
        person = proven(options["by"], right="brokers.operate_session").user.get_username()
        who = at_shell(person, options["reason"])
        try:
            answer = controller.command(address, controller.RESTART)
        except BrokerUnavailable as error:
            record("gateway.restart", who, subject=f"session:{session}", new={"error": str(error)}, ok=False)
            raise CommandError(str(error)) from None
        record("gateway.restart", who, subject=f"session:{session}", new={"answer": answer})
        self.stdout.write(f"{answer}. The link goes DOWN for a minute or two and comes back by itself.")
