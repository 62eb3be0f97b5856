"""`manage.py report start-of-day|end-of-day`: make a report of an account's day, keep it and print it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.models import BrokerAccount
from orders.controls.audit.acting import acting, at_shell
from orders.management.times import day
from orders.models import ReportKind
from orders.reports import days
from orders.reports.daily.documents import FORMATS, rendered
from orders.reports.daily.kept import keep
from orders.reports.daily.report_day import today_of


class Command(BaseCommand):
    help = "Make the report of an account's day, keep it with its hash and write it to standard output."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=ReportKind.values)
        parser.add_argument("--account", required=True)
        where = "YYYY-MM-DD (today, in the zone of the report's setting)"
        parser.add_argument("--date", type=day, help=where)
        parser.add_argument("--format", choices=list(FORMATS), default="json")

    def handle(self, *args: Any, kind: str, account: str, **options: Any) -> None:
        row = BrokerAccount.objects.select_related("session").filter(pk=account).first()
        if row is None:
            raise CommandError(f"There is no account {account}.")
        day = options["date"] or today_of(ReportKind(kind))
        if not days.may_be_reported(day):
            raise CommandError(f"There is nothing to report of {day}.")
        with acting(at_shell("", reason=f"report {kind}")):
            report = keep(ReportKind(kind), row, day, by="shell")
        body = rendered(report.document, options["format"])
        if options["format"] in ("json", "csv"):
            self.stdout.write(body.decode())
        else:
            sys.stdout.buffer.write(body)
        self.stderr.write(f"edition {report.edition}, sha256 {report.sha256}")
