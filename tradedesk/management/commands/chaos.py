"""`manage.py chaos`: orders and faults of one seed on a system of its own; what became of them, as JSON."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradedesk.chaos.run import run
from tradedesk.stack.errors import StackError
from tradedesk.stack.interrupts import Interrupts


class Command(BaseCommand):
    """Works in a temporary folder, which stays when asked or when an invariant broke."""

    help = "Send orders while parts of a system of its own fail, then compare both books; prints JSON."
    requires_system_checks = []  # the database of the settings is not used

    def add_arguments(self, parser: CommandParser) -> None:
        """How much, which plan, and whether the folder is kept."""
        parser.add_argument("--orders", type=int, default=200, help="how many (default %(default)s)")
        parser.add_argument("--faults", type=int, default=40, help="how many (default %(default)s)")
        parser.add_argument("--seed", type=int, default=1, help="same seed, same plan (default %(default)s)")
        parser.add_argument("--keep", action="store_true", help="keep logs and data even when all is well")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 0 when every invariant held, 1 when not; the JSON says which."""
        if options["orders"] < 1 or options["faults"] < 0:
            raise CommandError("--orders must be at least 1 and --faults at least 0.")
        folder = Path(tempfile.mkdtemp(prefix="tradedesk-chaos-")).resolve()
        ok = False
        try:
            with Interrupts():
                report = run(
                    folder,
                    orders=options["orders"],
                    faults=options["faults"],
                    seed=options["seed"],
                    say=self.stderr.write,
                )
            ok = report["ok"]
        except (StackError, AssertionError) as error:
            raise CommandError(f"Chaos could not be brought to its end: {error} (logs: {folder})") from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped before the end (logs: {folder}).") from None
        finally:
            if ok and not options["keep"]:
                shutil.rmtree(folder, ignore_errors=True)
        self.stdout.write(
            json.dumps(report if ok else report | {"folder": str(folder)}, indent=2, default=str)
        )
        sys.exit(0 if ok else 1)
