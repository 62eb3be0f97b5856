"""`manage.py rebuild SESSION`: make orders ours again that the broker shows and our books had lost."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.formats import decimal_text
from orders.controls.books import lost_history
from orders.controls.gateways.sessions import end_halt
from orders.errors import OrderError
from orders.management.people import PERSON_PASSWORD, proven_operator


class Command(BaseCommand):
    help = "Rebuild the orders that a restored database does not know from what the broker shows of them."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("session", help="the session that is HALTED")
        parser.add_argument(
            "--by", required=True, help=f"who decides; the password is asked, or in {PERSON_PASSWORD}"
        )
        parser.add_argument("--reason", required=True, help="kept with each order")
        parser.add_argument("--release", action="store_true", help="release the session afterwards")

    def handle(self, *args: Any, session: str, by: str, reason: str, release: bool, **options: Any) -> None:
        """Rebuild, say what, and release where that is asked."""
        proven_operator(by, session)
        rebuilt = lost_history.rebuild(session, by=f"shell:{by}", reason=reason)
        for order in rebuilt:
            executed = f"{decimal_text(order.cum_qty)} of {decimal_text(order.order_qty)} executed"
            self.stdout.write(f"{order.order_ref} {order.side} {order.instrument} {order.state}, {executed}")
        self.stdout.write(f"{len(rebuilt)} order(s) rebuilt")
        if release:
            try:
                self.stdout.write(end_halt(session, by=f"shell:{by}", reason=reason))
            except OrderError as error:
                raise CommandError(str(error)) from None
