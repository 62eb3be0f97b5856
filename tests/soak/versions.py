"""A version of the code that is older than this one, and systems that run both beside each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tradedesk.env import BASE_DIR
from tradedesk.stack.clients import Api
from tradedesk.stack.options import StackOptions
from tradedesk.stack.processes.commands import Process, processes
from tradedesk.stack.processes.process import spawn
from tradedesk.stack.system import System

MIGRATIONS = ":(glob)**/migrations/[0-9]*.py"
CODE = ("brokers", "orders", "tradedesk", "tradedesk_client", "manage.py", "pyproject.toml")
NEW = "new-"


@dataclass(frozen=True, kw_only=True)
class Version:
    """Where its code is, what it is called, and whether its models know only its own schema."""

    tree: Path
    name: str
    is_older_code: bool


def git(*arguments: str) -> str:
    """What git says of this repository; empty when it cannot."""
    done = subprocess.run(
        ["git", "-C", str(BASE_DIR), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def before_the_last_migration() -> str:
    """`UPGRADE_FROM`, else the commit before the last migration came; empty without history."""
    if named := os.environ.get("UPGRADE_FROM"):
        return named
    last = git("log", "--first-parent", "-m", "-1", "--format=%H", "--", MIGRATIONS)
    return git("rev-parse", "--verify", "--quiet", f"{last}^1") if last else ""


def older(folder: Path) -> Version:
    """The version before, from the history; without one a copy of this whose last migration is missing."""
    folder.mkdir()
    if commit := before_the_last_migration():
        archive = folder / "tree.tar"
        git("archive", f"--output={archive}", commit)
        shutil.unpack_archive(archive, folder, filter="data")
        return Version(tree=folder, name=git("log", "-1", "--format=%h %s", commit), is_older_code=True)
    for part in CODE:
        copy = shutil.copytree if (BASE_DIR / part).is_dir() else shutil.copy
        copy(BASE_DIR / part, folder / part)
    last = max((folder / "orders/migrations").glob("[0-9]*.py"))
    last.unlink()
    return Version(tree=folder, name=f"this one without {last.name}", is_older_code=False)


class TwoVersions(System):
    """A system of the older version; processes called `new-...` are of this one, on ports of their own."""

    def __init__(self, folder: Path, older: Version, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.older = older
        self.newer = StackOptions.on_free_ports(folder / "newer")

    def fill(self) -> bool:
        """No template: it would have this version's schema."""
        return False

    def _start_servers(self, undo: ExitStack) -> None:
        super()._start_servers(undo)
        self.newer.data.mkdir()
        self.processes = {name: self._old(process) for name, process in self.processes.items()}

    def add_new(self) -> None:
        """This version's processes may be started too."""
        for process in processes(self.newer):
            if process.name in self.processes and process.name != "simgateway":
                self.processes[f"{NEW}{process.name}"] = process

    def _old(self, process: Process) -> Process:
        return replace(process, argv=tuple(self._moved(word) for word in process.argv))

    def _moved(self, word: str) -> str:
        return re.sub(rf"^{re.escape(str(BASE_DIR))}(?=/manage\.py$)", str(self.older.tree), word)

    def launch(self, name: str) -> None:
        """Each in the tree of its version."""
        self.starts += 1
        process = self.processes[name]
        self.running[name] = spawn(
            process.argv,
            env={**self.environment, **process.env},
            log=self.folder.logs / f"{name}.{self.starts}.log",
            cwd=BASE_DIR if name.startswith(NEW) else self.older.tree,
        )

    def manage(self, *arguments: str) -> str:
        """A command of the older version."""
        return self.command(self.older.tree, *arguments)

    def migrate(self) -> None:
        """The older version's schema."""
        self.command(self.older.tree, "migrate", "--no-input", DATABASE_URL=self.postgres.url)

    def upgrade(self) -> str:
        """This version's schema, beside whatever runs; what it printed."""
        return self.command(BASE_DIR, "migrate", "--no-input", DATABASE_URL=self.postgres.url)

    def command(self, tree: Path, *arguments: str, **env: str) -> str:
        """A management command of one of the versions."""
        done = subprocess.run(
            [sys.executable, str(tree / "manage.py"), *arguments],
            env={**self.environment, **env},
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"[-2000:]
        return done.stdout

    @contextmanager
    def api_of_new(self) -> Iterator[Api]:
        """The API of this version's web."""
        token = self.api.headers["Authorization"].removeprefix("Token ")
        with Api(f"http://127.0.0.1:{self.newer.http}", token) as api:
            yield api
