"""Running management commands in another process."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tradedesk.env import BASE_DIR
from tradedesk.stack.errors import StackError
from tradedesk.stack.processes.commands import MANAGE
from tradedesk.stack.processes.reasons import last_words


def manage(*arguments: str, env: Mapping[str, str], logs: Path) -> str:
    """Run `manage.py ARGUMENTS` and return what it printed; what it logged is in `logs`.

    Raises StackError with its last words when it fails.
    """
    log = logs / f"{arguments[0]}.log"
    with log.open("wb") as errors:
        done = subprocess.run(
            [*MANAGE, *arguments],
            env=dict(env),
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            check=False,
        )
    if done.returncode:
        raise StackError(f"'manage.py {arguments[0]}' failed: {last_words(log)} (log: {log})")
    return done.stdout.decode()


def migrate(env: Mapping[str, str], logs: Path, *, owner_url: str) -> None:
    """Migrate as the owner of the database: the application's own login may not. StackError when it fails."""
    manage("migrate", "--no-input", "--verbosity", "0", env={**env, "DATABASE_URL": owner_url}, logs=logs)
