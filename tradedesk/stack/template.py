"""A migrated database that the systems of one test run copy, instead of migrating one each.

The folder is named by the environment, so that systems started by commands (`chaos`) find it too. It must
not outlive the code: a later migration would be missing in it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tradedesk.stack.accounts import put_in_place
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.postgres import EmbeddedPostgres

TEMPLATE = "TRADEDESK_SYSTEM_TEMPLATE"
PARTS = ("postgres", "postgres_password")


def fill(folder: DataFolder) -> bool:
    """Copy the template into a new data folder; False when there is none, or the folder is not new."""
    template = named()
    if template is None or not template.is_dir() or (folder.path / PARTS[0]).exists():
        return False
    copy(template, folder.path)
    return True


def keep(folder: DataFolder, postgres: EmbeddedPostgres) -> None:
    """Make this system's database the template if one is wanted; PostgreSQL is stopped for the copy."""
    template = named()
    if template is None or template.is_dir():
        return
    template.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=template.parent))
    postgres.stop()
    copy(folder.path, staging)
    postgres.start()
    put_in_place(staging, template)


def named() -> Path | None:
    """Where the template is, or will be."""
    path = os.environ.get(TEMPLATE)
    return Path(path) if path else None


def copy(source: Path, target: Path) -> None:
    """Copy the parts with their owners, which PostgreSQL insists on."""
    subprocess.run(["cp", "-a", *(str(source / part) for part in PARTS), str(target)], check=True)
