"""`manage.py statement FILE...`: read the broker's statements in and open breaks where the books differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.reconciliation.statements import fetching
from orders.reconciliation.statements.files import NoStatement
from orders.reconciliation.statements.reading import Outcome, read_statement


class Command(BaseCommand):
    help = "Read statements of IB's Flex queries (XML) and compare them with our books."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a file, or a folder of them")
        parser.add_argument("--fetch", metavar="QUERY", help="have it asked for now at the web service")
        parser.add_argument("--check", action="store_true", help="exit with 1 where anything differs")

    def handle(self, *args: Any, files: list[Path], check: bool, fetch: str | None, **options: Any) -> None:
        """Read each file whole or not at all, and say what became of it."""
        if not files and not fetch:
            raise CommandError("Name files, or a query to --fetch.")
        if fetch and not fetching.again(fetch):
            raise CommandError(f"TRADEDESK_FLEX_QUERIES names no query {fetch}.")
        if fetch:
            self.stdout.write(
                f"{fetch} is asked for by the worker within seconds; Statements at the desk shows it."
            )
        refused = differ = 0
        for path in _each(files):
            try:
                with path.open("rb") as source:
                    outcomes = read_statement(source, name=path.name, by="shell:statement")
            except (NoStatement, OSError) as error:
                refused += 1
                self.stderr.write(f"{path.name}: {getattr(error, 'strerror', '') or error}")
                continue
            for outcome in outcomes:
                differ += len(outcome.differences)
                self.stdout.write("\n".join(_told(path.name, outcome)))
        if refused:
            raise CommandError(f"{refused} of the files could not be read; nothing of them was stored.")
        if check and differ:
            raise CommandError(f"{differ} differences: see the breaks.")


def _each(files: list[Path]) -> list[Path]:
    """The files, and those of folders; one without any is most often another one than was meant."""
    found = []
    for path in files:
        named = sorted(path.glob("*.xml")) if path.is_dir() else [path]
        if not named:
            raise CommandError(f"{path} holds no statement (*.xml); nothing was read.")
        found += named
    return found


def _told(name: str, outcome: Outcome) -> Iterator[str]:
    days = f"{outcome.from_date}..{outcome.to_date}"
    count = len(outcome.differences)
    yield (
        f"{name}: account {outcome.account}, {days}: {outcome.text}; "
        f"{outcome.rows} rows, {count} difference{'' if count == 1 else 's'}"
    )
    yield from (f"  {text}" for text in outcome.differences)
