"""`manage.py release SESSION`: let a session send again that was HALTED."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.controls.gateways.sessions import end_halt
from orders.errors import OrderError
from orders.management.people import PERSON_PASSWORD, proven_operator


class Command(BaseCommand):
    help = "Release a session that is HALTED, once a person has decided about what it was halted for."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("session", help="the session that is HALTED")
        parser.add_argument(
            "--by", required=True, help=f"who decides; the password is asked, or in {PERSON_PASSWORD}"
        )
        parser.add_argument("--reason", required=True, help="kept with each order that was lost")

    def handle(self, *args: Any, session: str, by: str, reason: str, **options: Any) -> None:
        """Release it and say so."""
        proven_operator(by, session)
        try:
            self.stdout.write(end_halt(session, by=f"shell:{by}", reason=reason))
        except OrderError as error:
            raise CommandError(str(error)) from None
