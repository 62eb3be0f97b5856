"""`manage.py sbom`: what an installation is made of, from `requirements.lock`, as CycloneDX 1.6."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tradedesk.env import BASE_DIR
from tradedesk.version import VERSION

PACKAGE = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<rest>(?:.*\\\n)*.*)$", re.MULTILINE)


class Command(BaseCommand):
    help = "Print the software bill of materials (CycloneDX) of what requirements.lock installs."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lock", type=Path, default=BASE_DIR / "requirements.lock")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it; the same lock gives the same document."""
        found = [component(each) for each in PACKAGE.finditer(options["lock"].read_text())]
        document = {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": {"type": "application", "name": "tradedesk", "version": VERSION}},
            "components": sorted(found, key=lambda each: str(each["purl"])),
        }
        self.stdout.write(json.dumps(document, indent=2))


def component(package: re.Match[str]) -> dict[str, Any]:
    """One package: name, version, the digests that it is installed by, and its licence where it is known."""
    name, version = package["name"].lower(), package["version"]
    hashes = re.findall(r"--hash=sha256:(\w+)", package["rest"])
    told: dict[str, Any] = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "hashes": [{"alg": "SHA-256", "content": each} for each in hashes],
    }
    if licence := licence_of(name):
        told["licenses"] = [{"license": {"name": licence}}]
    return told


def licence_of(name: str) -> str:
    """What the installed package says of its licence, in a line; empty when it is not installed here."""
    try:
        facts: Any = metadata(name)
    except PackageNotFoundError:
        return ""
    named = facts.get("License-Expression") or facts.get("License") or ""
    classified = [
        each.split(" :: ")[-1] for each in facts.get_all("Classifier") or [] if "License ::" in each
    ]
    first = (named.strip().splitlines() or [""])[0]
    return first if first and len(first) < 80 else ", ".join(classified)
