"""`manage.py simgateway`: run the simulated IB Gateway."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokers.simulator.app import StartError, add_arguments, run


class Command(BaseCommand):
    """A thin door to `brokers.simulator.app`; needs neither database nor checks."""

    help = "Run the simulated IB Gateway until it is interrupted."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(Namespace(**options), self._announce)
        except StartError as error:
            raise CommandError(str(error)) from error

    def _announce(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
