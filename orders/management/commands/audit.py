"""`manage.py audit verify|seal|anchor|explain`: the chain of what was done, checked and anchored."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.controls.audit.acting import Acting, at_shell, record
from orders.controls.audit.anchors import AnchorUnreadable, keep_of_today, read_anchors
from orders.controls.audit.seal import anchor, seal
from orders.controls.audit.verify import Anchor, Bounds, Verification
from orders.controls.persons.people import RIGHTS
from orders.management.people import proven
from orders.management.times import moment
from orders.models import AuditRecord, Scope


class Command(BaseCommand):
    help = "Check that nothing of the audit was changed, seal what is new, or give the head of the chain."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        verify = what.add_parser("verify", help="name the first broken record; exit 1 when there is one")
        verify.add_argument("--from", dest="since", type=moment, help="seals from this time (ISO 8601, UTC)")
        verify.add_argument("--to", dest="until", type=moment, help="seals up to this time")
        verify.add_argument(
            "--anchor",
            type=Path,
            help="a file that `audit anchor` wrote, kept elsewhere, or a folder of them;"
            " default: TRADEDESK_AUDIT_ANCHORS",
        )
        verify.add_argument("--archive", type=Path, help="where `archive` put old messages of the broker")
        verify.add_argument("--all", action="store_true", help="name everything that is broken")
        what.add_parser("seal", help="seal what is committed now, as a task does every two seconds")
        heads = what.add_parser("anchor", help="print the head of the chain, to be kept elsewhere")
        heads.add_argument("--file", type=Path, help="write it there instead")
        heads.add_argument(
            "--keep", action="store_true", help="as the file of today in TRADEDESK_AUDIT_ANCHORS"
        )
        explain = what.add_parser("explain", help="say why something was changed past the application")
        explain.add_argument("record", type=int, help="its number, as verify names it")
        explain.add_argument("--by", required=True, help="who says so; asked for the password")
        explain.add_argument("--reason", required=True)

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        match what:
            case "verify":
                self._verify(options)
            case "seal":
                self.stdout.write(f"{seal()} row(s) sealed")
            case "anchor":
                self._anchor(options["file"], keep=options["keep"])
            case _:
                person = proven(options["by"], right=RIGHTS[Scope.AUDIT])
                self._explain(options["record"], at_shell(person.user.get_username(), options["reason"]))

    def _verify(self, options: dict[str, Any]) -> None:
        bounds = Bounds(since=options["since"], until=options["until"])
        anchors = anchors_at(options["anchor"])
        walk = Verification(bounds, archive=options["archive"], anchors=anchors)
        found = False
        for broken in walk.broken():
            found = True
            self.stdout.write(f"BROKEN {broken}")
            if not options["all"]:
                break
        if found:
            sys.exit(1)
        with_anchors = f", {len(anchors)} anchor(s)" if anchors else ""
        self.stdout.write(f"unbroken: {walk.seals} seal(s), {walk.rows} row(s){with_anchors}")
        if walk.archives.unread:
            self.stdout.write(f"{walk.archives.unread} of them are archived: compare them with --archive DIR")

    def _anchor(self, file: Path | None, *, keep: bool) -> None:
        seal()
        last = anchor()
        if last is None:
            raise CommandError("There is nothing to anchor yet.")
        text = json.dumps(last)
        if keep:
            self.stdout.write(str(self._kept()))
        elif file is None:
            self.stdout.write(text)
        else:
            file.write_text(text + "\n")

    def _kept(self) -> Path | None:
        try:
            return keep_of_today(settings.AUDIT_ANCHORS)
        except OSError as error:
            raise CommandError(f"It cannot be kept in {settings.AUDIT_ANCHORS}: {error.strerror}.") from None

    def _explain(self, number: int, who: Acting) -> None:
        if not AuditRecord.objects.filter(pk=number, process="").exists():
            raise CommandError(f"Record {number} is not of a change past the application.")
        record("audit.explained", who, subject=f"orders_auditrecord:{number}")
        self.stdout.write(f"Record {number} is explained.")


def anchors_at(path: Path | None) -> list[Anchor]:
    """Those that are named, else those that the worker has kept each day; raises CommandError."""
    if path is None and not settings.AUDIT_ANCHORS.is_dir():
        return []
    try:
        return read_anchors(path or settings.AUDIT_ANCHORS)
    except AnchorUnreadable as error:
        raise CommandError(str(error)) from None
