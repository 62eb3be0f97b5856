"""The units of deploy/systemd run what docker-compose.yml runs, and start again what dies."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.integration.test_compose import VARIABLES
from tests.stack.compose import services
from tradedesk.env import BASE_DIR
from tradedesk.stack.options import StackOptions
from tradedesk.stack.processes.commands import environment

FOLDER = BASE_DIR / "deploy/systemd"
OURS = ["web", "stream", "broker", "worker", "beat", "flower"]


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit; a name may stand there several times."""
    (path,) = FOLDER.glob(f"tradedesk-{name}*.service")
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def plain(words: list[str]) -> list[str]:
    """A command line without addresses and folders."""
    line = [Path(word).name if word.startswith("/") else word for word in words]
    return [re.sub(r"0\.0\.0\.0|127\.0\.0\.1", "HOST", word).replace("%%", "%") for word in line]


@pytest.mark.parametrize("name", OURS)
def test_a_unit_runs_the_same_program_as_the_service_of_compose(name: str) -> None:
    (line,) = unit(name)["ExecStart"]
    command = [word.replace("%i", "main") for word in shlex.split(line)]
    assert plain(command) == plain(services(VARIABLES)[name].command)


@pytest.mark.parametrize("name", OURS)
def test_a_unit_starts_again_without_end_and_is_confined(name: str) -> None:
    told = {key: values[-1] for key, values in unit(name).items()}
    assert (told["Restart"], told["StartLimitIntervalSec"]) == ("always", "0")
    assert (told["User"], told["ProtectSystem"], told["NoNewPrivileges"]) == ("tradedesk", "strict", "yes")
    assert {"MemoryMax", "TasksMax", "TimeoutStopSec", "WatchdogSec", "NotifyAccess"} <= told.keys()


def test_only_migration_and_backup_know_the_owner_of_the_tables() -> None:
    owners = {path.stem for path in FOLDER.glob("*.service") if "owner.env" in path.read_text()}
    assert owners == {"tradedesk-migrate", "tradedesk-backup"}


def test_the_target_wants_every_process() -> None:
    target = (FOLDER / "tradedesk.target").read_text()
    assert [name for name in OURS if f"tradedesk-{name}" not in target] == []


def test_whoever_starts_a_process_lets_it_have_two_heaps() -> None:
    """With one for each thread it keeps many times what it uses (docs/decisions/0079)."""
    heaps = "MALLOC_ARENA_MAX=2"
    assert heaps in (BASE_DIR / "Dockerfile").read_text()
    assert [name for name in OURS if heaps not in " ".join(unit(name)["Environment"])] == []
    ours = environment(StackOptions(data=BASE_DIR), database_url="", redis_url="", secret_key="")
    assert f"MALLOC_ARENA_MAX={ours['MALLOC_ARENA_MAX']}" == heaps
