"""`manage.py chaos`: orders and faults of some seeds, each on a system of its own; prints JSON."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradedesk.chaos.plan import GAP
from tradedesk.chaos.report import Document, campaign
from tradedesk.chaos.run import Size, run
from tradedesk.stack.errors import StackError
from tradedesk.stack.processes.interrupts import Interrupts


class Command(BaseCommand):
    """Each seed works in a temporary folder, which stays when asked or when an invariant broke."""

    help = "Send orders while parts of a system of its own fail, then compare both books; prints JSON."
    requires_system_checks = []  # the database of the settings is not used

    def add_arguments(self, parser: CommandParser) -> None:
        """How much, which plans, and whether the folder is kept."""
        parser.add_argument("--orders", type=int, default=200, help="how many (default %(default)s)")
        parser.add_argument("--faults", type=int, default=40, help="how many (default %(default)s)")
        parser.add_argument("--seed", type=int, default=1, help="same seed, same plan (default %(default)s)")
        parser.add_argument("--seeds", type=int, default=1, help="so many runs, of SEED and the ones after")
        parser.add_argument(
            "--gap", type=float, default=GAP, help="mean seconds between faults (%(default)s)"
        )
        parser.add_argument("--drills", type=int, default=0, help="rounds of timed recoveries afterwards")
        parser.add_argument("--resting", type=int, default=0, help="orders at rest during the drills")
        parser.add_argument("--keep", action="store_true", help="keep logs and data even when all is well")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 0 when every invariant held, 1 when not; the JSON says which."""
        size = size_of(options)
        first, count = options["seed"], options["seeds"]
        runs = [self._run(size, seed, keep=options["keep"]) for seed in range(first, first + count)]
        self.stdout.write(json.dumps(runs[0] if count == 1 else campaign(runs), indent=2, default=str))
        sys.exit(0 if all(report["ok"] for report in runs) else 1)

    def _run(self, size: Size, seed: int, *, keep: bool) -> Document:
        """One seed; the folder stays when it did not go well."""
        folder = Path(tempfile.mkdtemp(prefix="tradedesk-chaos-")).resolve()
        ok = False
        try:
            with Interrupts():
                report = run(folder, size, seed=seed, say=self.stderr.write)
            ok = report["ok"]
        except (StackError, AssertionError) as error:
            raise CommandError(
                f"Seed {seed} could not be brought to its end: {error} (logs: {folder})"
            ) from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped before the end (logs: {folder}).") from None
        finally:
            if ok and not keep:
                shutil.rmtree(folder, ignore_errors=True)
        return report if ok and not keep else report | {"folder": str(folder)}


def size_of(options: dict[str, Any]) -> Size:
    """How much a run does; raises CommandError for what makes no sense."""
    least = {"orders": 1, "faults": 0, "seeds": 1, "gap": 0.1, "drills": 0, "resting": 0}
    for name, low in least.items():
        if options[name] < low:
            raise CommandError(f"--{name} must be at least {low}.")
    return Size(**{name: options[name] for name in ("orders", "faults", "gap", "drills", "resting")})
