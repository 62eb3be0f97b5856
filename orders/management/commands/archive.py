"""`manage.py archive DIR`: move old raw messages of the broker to files; list, prove and put them back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.postgres import clock
from orders.controls.audit import archive as archives
from orders.controls.audit.archive import Archived, ArchiveInvalid


class Command(BaseCommand):
    help = "Move what the broker said long ago to files in DIR; orders, events, executions and audit stay."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dir", type=Path)
        parser.add_argument(
            "--keep-days", type=int, default=settings.MESSAGES_KEPT_DAYS, help=f"at least {archives.LEAST}"
        )
        parser.add_argument(
            "--list", action="store_true", help="which files there are, as the audit has them"
        )
        parser.add_argument("--read", metavar="FILE", help="print the rows of a file, proven by the audit")
        parser.add_argument("--put-back", metavar="FILE", help="put its rows into the table again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is asked; each file is named when its rows are gone from the table."""
        folder = options["dir"].resolve()
        try:
            if options["list"]:
                self._list()
            elif options["read"]:
                for row in archives.read(folder, known(options["read"])):
                    self.stdout.write(json.dumps(row))
            elif options["put_back"]:
                count = archives.put_back(folder, known(options["put_back"]))
                self.stdout.write(f"{count} row(s) put back")
            else:
                self._archive(folder, options["keep_days"])
        except ArchiveInvalid as error:
            raise CommandError(str(error)) from None

    def _archive(self, folder: Path, days: int) -> None:
        if days < archives.LEAST:
            raise CommandError(
                f"--keep-days must be at least {archives.LEAST}: the broker may tell them again."
            )
        if not folder.is_dir():
            raise CommandError(f"{folder} is not there.")
        for hold in archives.held():
            self.stdout.write(f"kept by a legal hold: {hold}")
        total = 0
        for done in archives.archive(folder, clock.now() - timedelta(days=days)):
            total += done.rows
            self.stdout.write(f"{done.file}: {done.rows} row(s), sha256 {done.sha256}")
        self.stdout.write(f"{total} row(s) archived")

    def _list(self) -> None:
        for each in archives.known_archives():
            self.stdout.write(f"{each.file}: {each.rows} row(s), sha256 {each.sha256}")


def known(name: str) -> Archived:
    """The file of this name, as the audit has it."""
    for each in archives.known_archives():
        if each.file == Path(name).name:
            return each
    raise CommandError(f"The audit knows no file {Path(name).name}: see --list.")
