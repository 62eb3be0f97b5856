"""What is kept: the age of the last backup, and whether old rows are archived in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings

from brokers.models import InboxMessage
from tradedesk.backup.made import last_made
from tradedesk.backup.manifest import BackupInvalid, newest
from tradedesk.doctor.findings import Finding, fail, ok, unless_paper, warn


def examine() -> Iterator[Finding]:
    """All of it."""
    yield backups()
    yield retention()


#: Half a year is what `manage.py archive` leaves; a month more, and it does not run.
INBOX_LIMIT = timedelta(days=210)


def retention() -> Finding:
    """Whether old raw messages of the broker are archived: they are half of what an order takes."""
    oldest = InboxMessage.objects.order_by("id").values_list("recorded_at", flat=True).first()
    if oldest is None or datetime.now(UTC) - oldest < INBOX_LIMIT:
        return ok("retention", "old messages of the broker are archived, or there are none")
    do = "Set TRADEDESK_ARCHIVE or run `manage.py archive DIR` (docs/production.md), or see to a legal hold."
    return warn("retention", f"The oldest raw message is of {oldest:%Y-%m-%d}.", do)


def backups() -> Finding:
    """How much would be lost with the database; who does not see the folder asks the database."""
    try:
        last = last_backup()
    except BackupInvalid as error:
        return fail("backups", str(error), "Run `manage.py backup` anew, and look at its disk.")
    if last is None and settings.BACKUPS is None:
        return unless_paper("backups", "None was ever made.", "Run `manage.py backup` once a day at least.")
    if last is None:
        return fail("backups", f"There is none in {settings.BACKUPS}.", "Run `manage.py backup`.")
    old = datetime.now(UTC) - last
    text = f"the last is {old / timedelta(hours=1):.1f} hours old"
    if old > settings.BACKUP_MAX_AGE:
        return fail("backups", text, "Look why `manage.py backup` does not run any more.")
    if old < timedelta(0):
        return warn("backups", "The last is of the future.", "Set the clocks.")
    return ok("backups", text)


def last_backup() -> datetime | None:
    """When the last was made; raises BackupInvalid when its folder is seen and damaged."""
    if settings.BACKUPS is None:
        return last_made()
    last = newest(settings.BACKUPS)
    return last.made_at if last else None
