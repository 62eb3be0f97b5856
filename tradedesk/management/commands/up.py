"""`manage.py up`: the whole system on this machine until Ctrl-C."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradedesk.stack.errors import StackError
from tradedesk.stack.local import LocalStack
from tradedesk.stack.options import add_arguments, from_arguments


class Command(BaseCommand):
    """Starts servers, processes and a simulated gateway, and stops all of them together."""

    help = "Start Tradedesk on this machine: servers, all processes and a simulated IB gateway."
    requires_system_checks = []  # they would want the database that is not there yet

    def add_arguments(self, parser: CommandParser) -> None:
        """Ports, data folder and gateway."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until asked to stop (exit 0) or until something fails (one sentence, exit 1)."""
        try:
            with LocalStack(from_arguments(options), echo=True) as stack:
                self.stdout.write(stack.summary())
                stack.run_until_stopped()
        except StackError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self.stdout.write("Stopped before it was up.")
