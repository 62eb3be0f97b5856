"""A database that the systems of one test run copy, instead of each migrating and seeding its own.

The folder is named by the environment, so that systems started by commands (`chaos`) find it too. It must
not outlive the code: a later migration would be missing in it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tradedesk.stack.folder import DataFolder, write_private
from tradedesk.stack.options import StackOptions
from tradedesk.stack.processes.commands import environment
from tradedesk.stack.processes.manage import manage, migrate
from tradedesk.stack.servers.accounts import put_in_place
from tradedesk.stack.servers.choice import embedded_postgres
from tradedesk.stack.servers.postgres import DATABASE

TEMPLATE = "TRADEDESK_SYSTEM_TEMPLATE"
#: A second database of the template: migrated, and nothing else in it.
MIGRATED = "migrated"
#: The token of a client that may read, trade and cancel in all accounts.
TOKEN = "api_token"  # noqa: S105 - a file's name
PARTS = (
    "postgres",
    "postgres_password",
    "postgres_app_password",
    "desk_password",
    "approver_password",
    TOKEN,
)


def fill(folder: DataFolder) -> bool:
    """Copy the template into a new data folder; False when none is wanted, or the folder is not new.

    Whoever is first makes it.
    """
    template = named()
    if template is None or (folder.path / PARTS[0]).exists():
        return False
    if not template.is_dir():
        make(template)
    copy(template, folder.path)
    return True


def make(template: Path) -> None:
    """Migrate and seed a new database and leave it, stopped, at this place."""
    template.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=template.parent))
    with DataFolder(staging) as folder:
        postgres = embedded_postgres(folder)
        with ExitStack() as undo:
            undo.callback(postgres.stop)
            postgres.start()
            shared = environment(
                StackOptions(data=staging),
                database_url=postgres.app_url,
                redis_url="redis://127.0.0.1:1/0",  # nobody asks it
                secret_key=folder.secret("secret_key", size=32),
            ) | first_passwords(folder)
            command = partial(manage, env=shared, logs=folder.logs)
            migrate(shared, folder.logs, owner_url=postgres.url)
            with postgres.connect("postgres") as connection:
                connection.execute(f"CREATE DATABASE {MIGRATED} TEMPLATE {DATABASE}")
            command("seed")
            write_private(staging / TOKEN, api_token(command))
    put_in_place(staging, template)


def first_passwords(folder: DataFolder) -> dict[str, str]:
    """The settings with which the two persons are seeded, and prove who they are."""
    return {
        "TRADEDESK_DESK_PASSWORD": folder.secret("desk_password", size=8),
        "TRADEDESK_APPROVER_PASSWORD": folder.secret("approver_password", size=8),
    }


def api_token(command: Callable[..., str], client: str = "scenario") -> str:
    """A new token of this client, for the same."""
    wanted = ("--accounts", "all", "--scopes", "read,trade,cancel")
    return command("apitoken", client, *wanted, "--approved-by", "approver").strip()


def named() -> Path | None:
    """Where the template is, or will be."""
    path = os.environ.get(TEMPLATE)
    return Path(path) if path else None


def copy(source: Path, target: Path) -> None:
    """Copy the parts with their owners, which PostgreSQL insists on."""
    subprocess.run(["cp", "-a", *(str(source / part) for part in PARTS), str(target)], check=True)
