"""`manage.py bench KIND`: measure a system of its own; prints one JSON document."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradedesk.bench.memory import LEAST_OF_MEMORY
from tradedesk.bench.path.figures import COLUMNS, write_figures
from tradedesk.bench.published import publish
from tradedesk.bench.run import KINDS, Wanted, run
from tradedesk.bench.targets import TARGETS
from tradedesk.stack.errors import StackError
from tradedesk.stack.processes.interrupts import Interrupts


class Command(BaseCommand):
    """Works in a temporary folder, which stays when something went wrong."""

    help = "Measure a whole system of its own with the simulated gateway; prints one JSON document."
    requires_system_checks = []  # the database of the settings is not used

    def add_arguments(self, parser: CommandParser) -> None:
        """What is measured and how much of it."""
        parser.add_argument("kind", choices=sorted(KINDS))
        parser.add_argument("--orders", type=int, help="how many (each kind has its own default)")
        parser.add_argument("--runs", type=int, default=1, help="median and range over these (%(default)s)")
        parser.add_argument("--sessions", type=int, default=1, help="gateway sessions (%(default)s)")
        parser.add_argument(
            "--stored", default="0,1000000,10000000", help="growth: orders stored (%(default)s)"
        )
        parser.add_argument("--readers", type=int, default=500, help="streams: how many (%(default)s)")
        parser.add_argument(
            "--limits",
            action="store_true",
            help="latency: also with every limit on use, order by order in turn",
        )
        parser.add_argument(
            "--audit", action="store_true", help="latency: also with the audit and without, in turn"
        )
        parser.add_argument("--functions", action="store_true", help="path: name every function")
        parser.add_argument(
            "--write",
            nargs="?",
            const="after",
            choices=COLUMNS,
            help="path: put the figures into docs/path.json (%(const)s) and draw docs/architecture.md again; "
            f"{', '.join(TARGETS)}: into docs/performance.json and docs/performance.md",
        )
        parser.add_argument("--keep", action="store_true", help="keep logs and data")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print; what goes on is told on standard error."""
        orders = options["orders"] or KINDS[options["kind"]].orders
        if min(orders, *(options[name] for name in ("runs", "sessions", "readers"))) < 1:
            raise CommandError("--orders, --runs, --sessions and --readers must be at least 1.")
        if options["sessions"] > 8:
            raise CommandError("--sessions must be at most 8.")
        if options["kind"] == "memory" and orders < LEAST_OF_MEMORY:
            raise CommandError(f"--orders must be at least {LEAST_OF_MEMORY} for memory.")
        if options["write"] and options["kind"] not in ("path", *TARGETS):
            raise CommandError(f"--write goes with the kinds path, {', '.join(TARGETS)}.")
        for name in ("limits", "audit"):
            if options[name] and options["kind"] != "latency":
                raise CommandError(f"--{name} goes with the kind latency.")
        wanted = Wanted(
            kind=options["kind"],
            orders=orders,
            runs=options["runs"],
            sessions=options["sessions"],
            levels=levels_of(options["stored"]),
            readers=options["readers"],
            functions=options["functions"],
            limits=options["limits"],
            audit=options["audit"],
        )
        document = self._measure(wanted, keep=options["keep"])
        self.stdout.write(json.dumps(document, indent=2))
        if options["write"] and wanted.kind == "path":
            write_figures(options["write"], document)
            call_command("drawarchitecture", stdout=self.stderr)
        elif options["write"]:
            publish(wanted.kind, document)
            call_command("drawperformance", stdout=self.stderr)

    def _measure(self, wanted: Wanted, *, keep: bool) -> dict[str, Any]:
        folder = Path(tempfile.mkdtemp(prefix="tradedesk-bench-")).resolve()
        try:
            with Interrupts():
                document = run(folder, wanted, self.stderr.write)
        except (StackError, AssertionError, OSError) as error:
            raise CommandError(f"The measurement broke off: {error} (logs: {folder})") from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped before the end (logs: {folder}).") from None
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        return document


def levels_of(text: str) -> tuple[int, ...]:
    """Numbers of stored orders from "0,1000000"; raises CommandError."""
    try:
        levels = tuple(sorted(int(part) for part in text.split(",")))
    except ValueError:
        levels = (-1,)
    if levels[0] < 0:
        raise CommandError(f"--stored must be whole numbers separated by commas, not {text!r}.")
    return levels
