"""`manage.py backup DIR`: write a backup of the database into a new folder in DIR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from tradedesk.backup.made import note
from tradedesk.backup.make import make_backup
from tradedesk.backup.manifest import BackupInvalid, Manifest
from tradedesk.backup.programs import ProgramFailed
from tradedesk.backup.server import django_on, owned_database
from tradedesk.health import first_line
from tradedesk.stack.errors import StackError


class Command(BaseCommand):
    help = "Back up the database into a new folder in DIR; nothing need be stopped for it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dir", type=Path, help="where backups are kept, one folder each")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and say what is in it."""
        try:
            with owned_database(may_be_new=False) as url:
                made = make_backup(url, options["dir"].resolve())
                with django_on(url):
                    self._note(made)
        except (BackupInvalid, ProgramFailed, StackError) as error:
            raise CommandError(str(error)) from None
        except psycopg.Error as error:
            raise CommandError(f"The database cannot be read: {' '.join(str(error).split())}") from None
        counts = ", ".join(f"{count} in {table}" for table, count in made.counts.items())
        self.stdout.write(f"{made.folder}")
        self.stdout.write(f"{made.bytes} bytes, sha256 {made.sha256}; {counts}")
        self.stdout.write("Copy it to another place. It is not encrypted: the place must be.")

    def _note(self, made: Manifest) -> None:
        """Keep in the database that it was made; what cannot be kept spoils no backup."""
        try:
            note(made)
        except Error as error:
            self.stderr.write(f"The database cannot be told that it was backed up: {first_line(error)}")
