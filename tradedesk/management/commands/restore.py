"""`manage.py restore DIR`: put the database to what a backup holds; every session is HALTED then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from tradedesk.backup.manifest import BackupInvalid, newest
from tradedesk.backup.programs import ProgramFailed
from tradedesk.backup.restore import Restored, RestoreRefused, complete_bare, restore_backup
from tradedesk.backup.server import owned_database
from tradedesk.stack.errors import StackError


class Command(BaseCommand):
    help = "Restore a backup, or the newest of DIR; the database before is kept under another name."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "dir", type=Path, nargs="?", help="a backup, or a folder of them: the newest is taken"
        )
        parser.add_argument(
            "--after-pg-restore",
            action="store_true",
            help="pg_restore has brought the rows back: do what is missing (transaction ids, halt, leases)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore it and say what comes next."""
        if (options["dir"] is None) != options["after_pg_restore"]:
            raise CommandError("Give either a backup's folder or --after-pg-restore.")
        try:
            restored = self._after_pg_restore() if options["dir"] is None else self._restore(options["dir"])
        except (BackupInvalid, RestoreRefused, ProgramFailed, StackError) as error:
            raise CommandError(str(error)) from None
        except (psycopg.Error, Error) as error:
            raise CommandError(f"Not restored: {' '.join(str(error).split())}") from None
        if restored.kept_as:
            self.stdout.write(
                f"The database before is kept as {restored.kept_as}; drop it when you are sure."
            )
        self.stdout.write(
            f"HALTED until a person releases them: {', '.join(restored.halted) or 'no session'}. What comes "
            "next: docs/production.md, After a restore."
        )

    def _restore(self, folder: Path) -> Restored:
        backup = newest(folder.resolve())
        if backup is None:
            raise BackupInvalid(f"There is no backup in {folder.resolve()}.")
        with owned_database(may_be_new=True) as url:
            restored = restore_backup(backup, url)
        self.stdout.write(f"Restored {backup.folder}, made {backup.made_at:%Y-%m-%d %H:%M:%S} UTC.")
        return restored

    def _after_pg_restore(self) -> Restored:
        with owned_database(may_be_new=False) as url:
            return complete_bare(url)
