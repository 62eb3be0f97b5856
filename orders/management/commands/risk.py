"""`manage.py risk replay --from F --to T [--limits FILE]`: what limits would have refused in the past."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.controls.limits.replay import NOT_REPLAYED, Judged, read_changes, replay


class Command(BaseCommand):
    help = "Ask the present or proposed limits about orders that were recorded; nothing is changed or sent."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        replaying = commands.add_parser("replay", help=self.help)
        replaying.add_argument("--from", dest="since", required=True, help="a day or a time, UTC")
        replaying.add_argument("--to", dest="until", help="a day (whole) or a time; default: now")
        replaying.add_argument(
            "--limits", type=Path, help="proposed: JSON {scope: {field: value}} or CSV scope,field,value"
        )
        replaying.add_argument("--json", action="store_true", help="one JSON document instead of lines")

    def handle(self, *args: Any, since: str, until: str | None, limits: Path | None, **options: Any) -> None:
        begin = moment(since, "--from", time.min)
        end = moment(until, "--to", time.max) if until else datetime.now(UTC)
        try:
            changes = read_changes(limits) if limits else {}
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"--limits: {error}") from None
        judged = list(replay(begin, end, changes))
        if options["json"]:
            self.stdout.write(json.dumps(document(judged, begin, end), indent=1))
        else:
            self._print(judged)

    def _print(self, judged: list[Judged]) -> None:
        for one in judged:
            if one.broken:
                then = f"then {one.was_refused}" if one.was_refused else "then accepted"
                broken = one.broken
                self.stdout.write(
                    f"{one.order.recorded_at:%Y-%m-%d %H:%M:%S} {one.order.account_id} {one.order.cl_ord_id} "
                    f"{one.order}: {broken.code} {broken.scope} {broken.check}: {broken.value} "
                    f"against {broken.limit} ({then})"
                )
        for code, count in sorted(totals(judged).items()):
            self.stdout.write(f"{code}: {count}")
        refused = sum(1 for one in judged if one.broken)
        self.stdout.write(f"{len(judged)} orders, {refused} would have been refused.")
        self.stdout.write(f"Not replayed: {', '.join(NOT_REPLAYED)}.")


def moment(text: str, name: str, of_day: time) -> datetime:
    """A time in UTC; a day alone means its beginning, or its end."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{name}: {text!r} is no day and no time, such as 2026-11-27.") from None
    if len(text) == len("YYYY-MM-DD"):
        found = datetime.combine(found.date(), of_day)
    return found.replace(tzinfo=found.tzinfo or UTC)


def totals(judged: list[Judged]) -> Counter[str]:
    """How many orders each code would have refused."""
    return Counter(one.broken.code for one in judged if one.broken)


def document(judged: list[Judged], begin: datetime, end: datetime) -> dict[str, Any]:
    """The same for programs."""
    refused = [
        {
            "id": str(one.order.id),
            "cl_ord_id": one.order.cl_ord_id,
            "account": one.order.account_id,
            "recorded_at": one.order.recorded_at.isoformat() if one.order.recorded_at else None,
            "then": one.was_refused,
            **one.broken.as_json(),
        }
        for one in judged
        if one.broken
    ]
    return {
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "orders": len(judged),
        "refused": refused,
        "codes": dict(totals(judged)),
        "not_replayed": list(NOT_REPLAYED),
    }
