"""Old raw messages of the broker: copied to files that can be read back and proven, then deleted.

Events keep the number of the message that they came of, and the audit keeps its hash, so a row of a file is
proven by the chain like one of the table (`verify`). Orders, events, executions and the audit stay for good.
The application may delete nothing else that is audited.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from orders.controls.audit.acting import at_shell, record
from orders.controls.audit.seal import Hashes, hashes
from orders.controls.audit.tables import INBOX
from orders.models import AuditRecord, LegalHold

KIND, PUT_BACK = "archive.inbox", "archive.put_back"
LEAST = 30  # days; shorter than the day that a gateway tells of would book again what was booked
BATCH = 5_000  # rows of one file, and of one transaction

#: The oldest messages that were applied before a time and that no hold keeps.
OLD = """
    SELECT m.id, to_jsonb(m)::text FROM brokers_inboxmessage m
    WHERE m.id > %(after)s AND m.recorded_at < %(before)s AND m.applied_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM orders_legalhold h WHERE h.released_at IS NULL
            AND (h.session_id IS NULL OR h.session_id = m.session_id)
            AND m.recorded_at >= h.since AND (h.until IS NULL OR m.recorded_at < h.until))
    ORDER BY m.id LIMIT %(limit)s
"""
#: Deletes only what is older than 30 days, applied and not held, whoever asks (`audit/install.py`).
FORGET = "SELECT orders_forget_archived(%s)"
#: Where the rows of a file stand for the table.
ROWS = "jsonb_populate_recordset(NULL::brokers_inboxmessage, %s::jsonb)"
BACK = f"INSERT INTO brokers_inboxmessage SELECT * FROM {ROWS} ON CONFLICT DO NOTHING"  # noqa: S608


class ArchiveInvalid(Exception):
    """A file is not the one that was written; says why."""


@dataclass(frozen=True, kw_only=True)
class Archived:
    """One file: its name, its checksum and the rows in it."""

    file: str
    sha256: str
    first: int
    last: int
    rows: int


def archive(folder: Path, before: datetime) -> Iterator[Archived]:
    """Move what was recorded before this time to files in a folder; each file when its rows are deleted."""
    after = 0
    while rows := _old(after, before):
        after = rows[-1][0]
        yield _move(folder, rows)
        if len(rows) < BATCH:
            return


def _old(after: int, before: datetime) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(OLD, {"after": after, "before": before, "limit": BATCH})
        return [(int(key), str(text)) for key, text in cursor.fetchall()]


def _move(folder: Path, rows: list[tuple[int, str]]) -> Archived:
    """Write, flush and rename a file; then delete its rows and say so in the audit, both or neither."""
    first, last = rows[0][0], rows[-1][0]
    path = folder / f"inbox-{first}-{last}.jsonl.gz"
    staging = path.with_suffix(".unfinished")
    content = gzip.compress("".join(f"{text}\n" for _, text in rows).encode(), mtime=0)
    with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staging.rename(path)
    digest = hashlib.sha256(content).hexdigest()
    done = Archived(file=path.name, sha256=digest, first=first, last=last, rows=len(rows))
    with transaction.atomic(), connection.cursor() as cursor:
        subject = f"brokers_inboxmessage:{first}-{last}"
        record(KIND, at_shell("", "older than it is kept"), subject=subject, new=asdict(done))
        cursor.execute(FORGET, [[key for key, _ in rows]])
        if (gone := cursor.fetchone()) != (len(rows),):
            raise ArchiveInvalid(
                f"{path.name}: of {len(rows)} rows only {gone} may be deleted; does another run?"
            )
    return done


def known_archives() -> list[Archived]:
    """Every file that was ever written, as the audit has them."""
    return [Archived(**(record.new or {})) for record in AuditRecord.objects.filter(kind=KIND).order_by("id")]


def read(folder: Path, archived: Archived) -> list[dict[str, Any]]:
    """The rows of a file; raises ArchiveInvalid when it is not the one that was written."""
    path = folder / archived.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArchiveInvalid(f"{path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != archived.sha256:
        raise ArchiveInvalid(f"{path} is not what was written: its checksum differs from the audit's")
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def put_back(folder: Path, archived: Archived) -> int:
    """Put the rows of a file into the table again, to be looked at there; how many were missing."""
    rows = read(folder, archived)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BACK, [json.dumps(rows)])
        count = cursor.rowcount
        subject = f"brokers_inboxmessage:{archived.first}-{archived.last}"
        record(PUT_BACK, at_shell(""), subject=subject, new={"file": archived.file, "rows": count})
    return int(count)


def held() -> list[LegalHold]:
    """The holds in force."""
    return list(LegalHold.objects.filter(released_at=None))


class Archives:
    """What the audit finds in files instead of in the table."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        #: Rows that lie in files and were not compared, because nobody said where those are.
        self.unread = 0

    def hashes(self, wanted: Hashes, columns: tuple[str, ...]) -> Hashes:
        """Of sealed rows that are not in the table: the hash of each that is in a file."""
        if not wanted:
            return []
        found: Hashes = []
        for archived in self._known:
            own = [row for row in wanted if archived.first <= int(row[0]) <= archived.last]
            if own and self.folder is None:
                self.unread += len(own)
                found += own
            elif own:
                found += self._read(archived, {key for key, _ in own}, columns)
        return list(dict(found).items())

    def _read(self, archived: Archived, keys: set[str], columns: tuple[str, ...]) -> Hashes:
        if archived.file not in self._files:
            assert self.folder is not None  # noqa: S101 - asked only with one
            self._files = {archived.file: read(self.folder, archived)}  # seals and files have one order
        rows = [row for row in self._files[archived.file] if str(row["id"]) in keys]
        return hashes(INBOX, "true", [json.dumps(rows)], columns, source=ROWS)

    @cached_property
    def _known(self) -> list[Archived]:
        return known_archives()

    @cached_property
    def _files(self) -> dict[str, list[dict[str, Any]]]:
        return {}
