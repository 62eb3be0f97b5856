"""Real servers for one pytest run, started before Django reads its settings.

`pyproject.toml` names this module as a plugin, because a conftest.py would be imported too late:
pytest-django reads the settings first. Servers named by `DATABASE_URL` and `REDIS_URL` are used as they are.
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.examples import DEPTH
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.servers.choice import embedded_postgres
from tradedesk.stack.servers.redis import EmbeddedRedis
from tradedesk.stack.servers.server import Server
from tradedesk.stack.template import TEMPLATE, fill, make

FOLDER = pytest.StashKey[Path]()
#: What takes longest comes first, the longest of all at the head: then all processes end together.
LONG = (
    "tests/soak/test_many_chaos_seeds.py",
    "tests/soak/test_frozen_processes.py",
    "tests/integration/broker/test_read_only_for_a_minute.py",
    "tests/soak/",
    "tests/scenarios/shared/",
    "tests/browser/",
    "tests/scenarios/test_chaos.py",
    "tests/benchmarks/",
    "tests/integration/stack/",
    "tests/scenarios/",
    "tests/integration/test_compose.py",
    "tests/integration/test_setup.py",
    "tests/integration/orders/test_fix_scenarios.py",
)
ONE_SYSTEM = ("tests/browser/", "tests/scenarios/shared/", "tests/scenarios/often/")
SERVERS = pytest.StashKey[list[Server]]()
COPY = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start what is missing and point the settings to it; the developer's own local stack is left alone."""
    folder = Path(tempfile.mkdtemp(prefix="tradedesk-tests-")).resolve()
    os.environ["TRADEDESK_DATA"] = str(folder)
    os.environ.setdefault(TEMPLATE, str(folder / "system-template"))  # one for all workers
    os.environ.setdefault("TRADEDESK_SETTLING_TIME", "2")  # simulated gateways list everything at once
    # The database refuses to empty the history of orders; between tests it must.
    os.environ["PGOPTIONS"] = "-c tradedesk.may_truncate=on"
    early_config.stash[FOLDER] = folder
    if getattr(early_config.known_args_namespace, "numprocesses", None) and not in_xdist_worker():
        make(Path(os.environ[TEMPLATE]))
        return  # the workers run the tests, each with servers of its own
    early_config.stash[COPY] = copied = in_xdist_worker() and not os.environ.get("DATABASE_URL")
    if copied:
        with DataFolder(folder) as data:
            fill(data)
    early_config.stash[SERVERS] = [*missing_postgres(folder), *missing_redis(folder)]


def is_copy(config: pytest.Config) -> bool:
    """Whether the database server of this process began as a copy of the template."""
    return config.stash[COPY]


def in_xdist_worker() -> bool:
    """Whether this process runs a part of the tests for another one."""
    return "PYTEST_XDIST_WORKER" in os.environ


def missing_postgres(folder: Path) -> list[Server]:
    """An embedded PostgreSQL without fsync (nothing here cuts the power), unless DATABASE_URL is set."""
    if os.environ.get("DATABASE_URL"):
        return []
    with DataFolder(folder) as data:
        server = embedded_postgres(data, durable=False)
    server.start()
    os.environ["DATABASE_URL"] = server.url
    return [server]


def missing_redis(folder: Path) -> list[Server]:
    """An embedded Redis, unless REDIS_URL is set."""
    if os.environ.get("REDIS_URL"):
        return []
    server = EmbeddedRedis(folder / "redis", password=secrets.token_hex(16), log=folder / "logs/redis.log")
    server.start()
    os.environ["REDIS_URL"] = server.url
    return [server]


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Thousands of tests are made, none of which is garbage: nothing is looked for meanwhile."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the collector need never look at it again."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first; pytest-django has just put whatever needs no database of its own last."""
    items.sort(key=lambda item: rank(item.nodeid))


def rank(nodeid: str) -> int:
    """The place in `LONG`, the same for all that is not there."""
    return next((place for place, path in enumerate(LONG) if nodeid.startswith(path)), len(LONG))


class Together(LoadFileScheduling):
    """The tests of a file, and the files of a folder that share one system, run in one process."""

    def _split_scope(self, nodeid: str) -> str:
        return next(
            (folder for folder in ONE_SYSTEM if nodeid.startswith(folder)), super()._split_scope(nodeid)
        )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Instead of what `--dist` names."""
    return Together(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests measured (`record_property`), and in a long run how many of which file passed."""
    passed = [report for report in terminalreporter.stats.get("passed", ()) if report.when == "call"]
    for report in passed:
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid}: {name} {value}")
    if DEPTH > 1:
        for file, count in Counter(report.location[0] for report in passed).items():
            terminalreporter.write_line(f"{file}: {count} passed")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and remove their data."""
    none_started: list[Server] = []
    for server in config.stash.get(SERVERS, none_started):
        server.stop()
    if (folder := config.stash.get(FOLDER, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)
