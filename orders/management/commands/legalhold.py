"""`manage.py legalhold`: keep what would be archived, for as long as somebody may ask for it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.models import GatewaySession
from brokers.postgres import clock
from orders.controls.audit.acting import acting, at_shell
from orders.management.people import proven
from orders.management.times import moment
from orders.models import LegalHold

RIGHT = "orders.change_legalhold"


class Command(BaseCommand):
    help = "Set, release or list legal holds: raw messages of the broker under one are not archived."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("list")
        put = what.add_parser("set")
        put.add_argument("--session", help="all of them without it")
        put.add_argument("--from", dest="since", type=moment, required=True, help="ISO 8601, UTC")
        put.add_argument("--to", dest="until", type=moment, help="from then on without it")
        release = what.add_parser("release")
        release.add_argument("number", type=int)
        for each in (put, release):
            each.add_argument("--by", required=True, help="who decides; asked for the password")
            each.add_argument("--reason", required=True)

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        """Do it and show what is in force."""
        if what != "list":
            person = proven(options["by"], right=RIGHT).user.get_username()
            with acting(at_shell(person, options["reason"])):
                self._set(person, options) if what == "set" else self._release(person, options)
        for hold in LegalHold.objects.filter(released_at=None):
            self.stdout.write(f"{hold.pk}: {hold}")

    def _set(self, person: str, options: dict[str, Any]) -> None:
        session = options["session"]
        if session and not GatewaySession.objects.filter(pk=session).exists():
            raise CommandError(f"There is no session {session}.")
        LegalHold.objects.create(
            session_id=session,
            since=options["since"],
            until=options["until"],
            reason=options["reason"],
            made_by=person,
        )

    def _release(self, person: str, options: dict[str, Any]) -> None:
        hold = LegalHold.objects.filter(pk=options["number"], released_at=None).first()
        if hold is None:
            raise CommandError(f"There is no hold {options['number']} in force.")
        hold.released_by, hold.released_at = person, clock.now()
        hold.release_reason = options["reason"]
        hold.save()
