"""`manage.py doctor`: look at this deployment and say what is wrong."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tradedesk.doctor.examine import examine
from tradedesk.doctor.findings import Finding, Level


class Command(BaseCommand):
    help = "Look at settings, database, Redis, sessions and backups; exits 1 when something fails."
    requires_system_checks = []  # it shows them itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
        parser.add_argument("--strict", action="store_true", help="exit 1 for warnings too")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line for each thing; exit code 1 when one of them fails."""
        found: list[Finding] = []
        for finding in examine():
            found.append(finding)
            if not options["json"]:
                self.stdout.write(line(finding))
        counts = Counter(finding.level for finding in found)
        if options["json"]:
            summary = {level.value: counts[level] for level in Level}
            self.stdout.write(
                json.dumps({"summary": summary, "findings": [asdict(each) for each in found]}, indent=2)
            )
        else:
            self.stdout.write(", ".join(f"{counts[level]} {level.value}" for level in Level))
        bad = counts[Level.FAIL] + (counts[Level.WARN] if options["strict"] else 0)
        if bad:
            sys.exit(1)


def line(finding: Finding) -> str:
    """A finding as one line."""
    do = f" -> {finding.do}" if finding.do else ""
    return f"{finding.level:<4}  {finding.name:<20} {finding.text}{do}"
