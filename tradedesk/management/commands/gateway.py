"""`manage.py gateway restart SESSION`: have IBC restart a session's gateway; its login is kept."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.controls.audit.acting import at_shell
from orders.controls.gateways import restart as gateways
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
        person = proven(options["by"], right="brokers.operate_session").user.get_username()
        try:
            self.stdout.write(gateways.restart(session, at_shell(person, options["reason"])))
        except gateways.GatewayNotRestarted as error:
            raise CommandError(str(error)) from None
