"""Creating PostgreSQL's data folder (a "cluster")."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tradedesk.stack.errors import StackError
from tradedesk.stack.processes.process import Account, identity
from tradedesk.stack.processes.reasons import cause_in

INITDB_OPTIONS = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)


def seen_by(account: Account | None, folder: Path) -> Path:
    """The path by which a server that is started inside `folder` reaches it.

    Root's data folder is often under a folder that the server's account may not enter. As its working
    directory the server reaches it all the same, whatever is above.
    """
    return Path("/proc/self/cwd") if account else folder


def create_cluster(
    folder: Path, binaries: Path, account: Account | None, *, role: str, password: str
) -> None:
    """Run initdb in a folder beside and rename it when complete, so that no half cluster is ever used."""
    staging = folder.with_name(folder.name + ".new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700, parents=True)
    if account:
        os.chown(staging, account.uid, account.gid)
    run_initdb(staging, binaries / "initdb", account, role=role, password=password)
    staging.rename(folder)


def run_initdb(staging: Path, initdb: Path, account: Account | None, *, role: str, password: str) -> None:
    """initdb in `staging`; the password reaches it in an unnamed file that only its account can read."""
    with tempfile.TemporaryFile() as secret:
        secret.write(password.encode())
        secret.seek(0)
        if account:
            os.fchown(secret.fileno(), account.uid, account.gid)
        made = subprocess.run(
            [
                initdb,
                f"--pgdata={seen_by(account, staging)}",
                f"--username={role}",
                f"--pwfile=/dev/fd/{secret.fileno()}",
                *INITDB_OPTIONS,
            ],
            cwd=staging,
            pass_fds=[secret.fileno()],
            capture_output=True,
            text=True,
            check=False,
            **identity(account),
        )
    if made.returncode:
        why = cause_in(made.stderr)  # its last line only says that it tidies up
        raise StackError(f"PostgreSQL's data cannot be created in {staging.parent}: {why}")
