"""`manage.py entersplit`: enter a split that no statement has told yet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.controls.books.splits import WantedSplit, request_split
from orders.errors import OrderError
from orders.management.people import add_persons, done_by
from orders.management.times import day
from orders.models import Approval


class Command(BaseCommand):
    help = "Enter a split: so many units of a contract for so many, from a day on."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("con_id", type=int, help="the broker's number of the contract")
        parser.add_argument("--ex-date", required=True, type=day, help="first day of it")
        parser.add_argument("--new", required=True, type=int, help="so many units now")
        parser.add_argument("--for", required=True, type=int, dest="old", help="for so many before")
        parser.add_argument("--new-con-id", type=int, default=0, help="where the contract got a new number")
        add_persons(parser)
        parser.add_argument("--reason", required=True, help="where it is known from; kept with it")

    def handle(self, *args: Any, con_id: int, by: str, approved_by: str, reason: str, **said: Any) -> None:
        """Enter it and say what counts now."""
        wanted = WantedSplit(
            con_id=con_id,
            ex_date=said["ex_date"],
            numerator=said["new"],
            denominator=said["old"],
            new_con_id=said["new_con_id"],
        )
        try:
            done = done_by(by, approved_by, lambda actor: request_split(wanted, actor=actor, reason=reason))
        except OrderError as error:
            raise CommandError(str(error)) from None
        if isinstance(done, Approval):
            text = done.outcome or "It counts when another person approves it at the desk (Approvals)."
        else:
            text = f"Counted: {done}."
        self.stdout.write(text)
