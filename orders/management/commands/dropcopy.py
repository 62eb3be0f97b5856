"""`manage.py dropcopy --date D`: the drop copy of a day as a file, for risk and compliance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.models import BrokerAccount
from orders.management.times import day
from orders.reports import days
from orders.reports.drop_copy import day_lines, scope_of


class Command(BaseCommand):
    help = "Write all that happened to orders on a day (UTC) to standard output, a message a line."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--date", type=day, help="YYYY-MM-DD (yesterday)")
        parser.add_argument("--accounts", default="", help="only these, separated by commas")

    def handle(self, *args: Any, accounts: str, **options: Any) -> None:
        day = options["date"] or days.today() - timedelta(days=1)
        if not days.may_be_reported(day):
            raise CommandError(f"There is nothing to report of {day}.")
        known = set(BrokerAccount.objects.values_list("pk", flat=True))
        wanted = {code.strip() for code in accounts.split(",") if code.strip()} or known
        if unknown := wanted - known:
            raise CommandError(f"There is no account {', '.join(sorted(unknown))}.")
        for line in day_lines(day, scope_of(wanted)):
            self.stdout.write(line, ending="")
