"""`manage.py kills`: SIGKILL of every process of `make up` while orders flow; prints JSON."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradedesk.chaos.kills import run
from tradedesk.stack.errors import StackError
from tradedesk.stack.processes.interrupts import Interrupts


class Command(BaseCommand):
    """Works in a temporary folder, which stays when something was not right."""

    help = "Kill every process of a `make up` of its own while orders flow; prints how long each was missed."
    requires_system_checks = []  # the database of the settings is not used

    def add_arguments(self, parser: CommandParser) -> None:
        """How often each is killed."""
        parser.add_argument("--rounds", type=int, default=3, help="median over so many (default %(default)s)")
        parser.add_argument("--minutes", type=float, default=0, help="then at random, for so long")
        parser.add_argument("--seed", type=int, default=0, help="of chance")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 0 when all came back and both books agree, 1 when not; the JSON says which."""
        if options["rounds"] < 0 or options["rounds"] + options["minutes"] <= 0:
            raise CommandError("Give --rounds, --minutes or both, above 0.")
        folder = Path(tempfile.mkdtemp(prefix="tradedesk-kills-")).resolve()
        try:
            with Interrupts():
                report = run(
                    folder,
                    rounds=options["rounds"],
                    minutes=options["minutes"],
                    seed=options["seed"],
                    say=self.stderr.write,
                )
        except (StackError, AssertionError) as error:
            raise CommandError(f"It could not be brought to its end: {error} (logs: {folder})") from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped before the end (logs: {folder}).") from None
        self.stdout.write(json.dumps(report, indent=2, default=str))
        if not report["ok"]:
            self.stderr.write(f"Logs and data: {folder}")
            sys.exit(1)
        shutil.rmtree(folder, ignore_errors=True)
