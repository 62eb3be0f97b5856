"""`manage.py up`, run as a user runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.examples import more_in_soak
from tradedesk.env import BASE_DIR
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.processes.commands import STACK_MARK
from tradedesk.stack.processes.process import end_marked, is_gone, marked
from tradedesk.stack.servers.choice import embedded_postgres
from tradedesk.stack.template import fill

pytestmark = pytest.mark.timeout(600)
HALT = """INSERT INTO orders_scopestate (scope, state, reason, set_by)
    VALUES ('session:main', 'HALTED', 'restored', 'test')"""
DOORS = ("--http", "--stream", "--flower", "--gateway-port", "--control-port")


class Up:
    """One run of `manage.py up` on a folder and free ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {door: str(free_port()) for door in DOORS}
        self.output = folder.with_suffix(".out")
        self.errors = folder.with_suffix(".err")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True, **env: str) -> subprocess.Popen[bytes]:
        # As a user's shell has it: no URLs of the test's servers, output buffered by default.
        ours = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        ours.pop("PYTHONUNBUFFERED", None)
        options = [word for pair in self.ports.items() for word in pair]
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--data", str(self.folder), *options],
                cwd=BASE_DIR,
                env=ours | env,
                stdout=output,
                stderr=errors,
            )
        if ready:
            eventually(
                lambda: "Tradedesk is up" in self.output.read_text() or not self.is_running(), limit=180
            )
            assert self.is_running(), self.said()
        return self.process

    def is_running(self) -> bool:
        assert self.process is not None
        return self.process.poll() is None

    def said(self) -> str:
        """What it wrote to stderr, once it has ended."""
        assert self.process is not None
        self.process.wait(120)
        return self.errors.read_text()

    def pid(self, name: str) -> int:
        return int((self.folder / "run" / f"{name}.pid").read_text())

    def redis_pid(self) -> int:
        return int((self.folder / "redis" / "valkey.pid").read_text())

    def everything(self) -> list[psutil.Process]:
        """Every process of this run but itself: the servers, the supervisor, the processes and theirs."""
        mine = [("TRADEDESK_SERVER_OF", str(self.folder / name)) for name in ("postgres", "redis")]
        found = [marked(mark) for mark in [(STACK_MARK, str(self.folder)), *mine]]
        return [process for group in found for process in group if not is_gone(process)]

    def manage(self, *arguments: str) -> str:
        """A management command of a user who has only set TRADEDESK_DATA."""
        ours = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=ours | {"TRADEDESK_DATA": str(self.folder)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    run = Up(tmp_path.resolve() / "data")
    yield run
    if run.process is not None:
        run.process.kill()
        run.process.wait()
    end_marked((STACK_MARK, str(run.folder)))


@pytest.fixture
def migrated(up: Up) -> Up:
    """With the database of a first start, where that is at hand."""
    with DataFolder(up.folder) as folder:
        fill(folder)
    return up


@pytest.mark.soak
def test_a_first_start_from_nothing_makes_all_that_it_needs(up: Up) -> None:
    """In `make test` each start has a copy of the template, which is migrated and seeded the same way."""
    process = up.start()
    assert up.manage("apitoken", "somebody").strip()
    process.send_signal(signal.SIGTERM)
    assert (process.wait(60), up.said()) == (0, "")
    assert up.everything() == []


@pytest.mark.soak
def test_a_life_of_it(migrated: Up) -> None:
    up = migrated
    killed = up.start()
    # Management commands find it by its data folder.
    assert up.manage("apitoken", "somebody").strip()
    # It does not share the folder.
    rival = Up(up.folder)
    rival.errors = up.folder.with_suffix(".rival")
    rival.start(ready=False)
    assert "Another stack is running on" in rival.said()
    assert len(up.everything()) > 8
    # Killed with no chance to clean up, it leaves nothing that runs, and nothing that stops the next start.
    killed.kill()
    killed.wait()
    eventually(lambda: not up.everything())
    process = up.start()
    # What dies is reported and started again alone.
    web, beat, redis = up.pid("web"), up.pid("beat"), up.redis_pid()
    os.kill(beat, signal.SIGKILL)
    eventually(lambda: f"The process beat was started again, pid {up.pid('beat')}." in up.output.read_text())
    os.kill(redis, signal.SIGKILL)
    eventually(lambda: f"Redis was started again, pid {up.redis_pid()}." in up.output.read_text())
    said = up.output.read_text()
    assert "The process beat was killed by SIGKILL. It is started again at once. Log: " in said
    assert "Redis was killed by SIGKILL. It is started again at once. Log: " in said
    assert len((up.folder / "logs/restarts.log").read_text().splitlines()) == 4
    assert up.pid("web") == web
    assert beat != up.pid("beat")
    assert redis != up.redis_pid()
    # It stops with everything it started at any moment: here while those of a killed supervisor are ended.
    os.kill(up.pid("supervisor"), signal.SIGKILL)
    eventually(lambda: "The supervisor was killed by SIGKILL." in up.output.read_text())
    process.send_signal(signal.SIGTERM)
    assert (process.wait(120), up.said()) == (0, "")
    assert up.everything() == []
    assert not (up.folder / "stack.json").exists()


@pytest.mark.soak
def test_a_request_to_stop_is_heeded_while_it_starts(up: Up) -> None:
    process = up.start(ready=False)
    eventually((up.folder / "stack.json").exists)
    process.send_signal(signal.SIGTERM)
    assert (process.wait(60), up.said()) == (0, "")
    assert up.everything() == []


@pytest.mark.soak
def test_a_process_that_dies_before_all_serve_ends_the_start(migrated: Up) -> None:
    up = migrated
    process = up.start(ready=False, FLOWER_MAX_WORKERS="many")  # a wrong setting is not cured by trying again
    assert process.wait(120) == 1
    assert up.said().startswith("CommandError: The process flower died: ValueError")
    assert up.said().count("\n") == 1
    assert up.everything() == []


@pytest.mark.soak
def test_a_server_that_dies_before_all_serve_ends_the_start(migrated: Up) -> None:
    up = migrated
    process = up.start(ready=False)
    eventually((up.folder / "stack.json").exists)
    os.kill(up.redis_pid(), signal.SIGKILL)
    assert process.wait(120) == 1
    assert up.everything() == []


def test_a_port_in_use_is_named_before_anything_is_started(up: Up) -> None:
    with socket.create_server(("127.0.0.1", int(up.ports["--flower"]))):
        process = up.start(ready=False)
        assert process.wait(60) == 1
    assert up.said().startswith(f"CommandError: Port {up.ports['--flower']} cannot be used here: free it, or")
    assert not (up.folder / "postgres").exists()


@pytest.mark.parametrize(
    ("name", "url"),
    more_in_soak(
        [("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/nothing")],
        [("REDIS_URL", "redis://:secret@127.0.0.1:1/0")],
    ),
)
def test_a_server_that_cannot_be_reached_is_named_without_its_password(up: Up, name: str, url: str) -> None:
    process = up.start(ready=False, **{name: url})
    assert process.wait(60) == 1
    sentence = up.said()
    assert name in sentence
    assert "secret" not in sentence
    assert sentence.count("\n") == 1
    assert up.everything() == []


@pytest.mark.soak
def test_a_start_does_not_wait_for_a_person_to_release_a_session(migrated: Up) -> None:
    """As after a restore: the desk must be up for somebody to look at it."""
    with DataFolder(migrated.folder) as folder:
        postgres = embedded_postgres(folder)
        postgres.start()
        with postgres.connect() as connection:
            connection.execute(HALT)
        postgres.stop()
    process = migrated.start()
    eventually(lambda: "  session:main It is HALTED: restored" in migrated.output.read_text())
    process.send_signal(signal.SIGTERM)
    assert (process.wait(120), migrated.said()) == (0, "")


def test_hosts_without_this_machine_are_named_before_anything_is_started(up: Up) -> None:
    process = up.start(ready=False, ALLOWED_HOSTS="desk.example.com")
    assert process.wait(60) == 1
    assert up.said().startswith("CommandError: ALLOWED_HOSTS must hold 127.0.0.1")
    assert not (up.folder / "postgres").exists()


@pytest.mark.soak
def test_a_file_in_the_way_is_named(up: Up) -> None:
    (up.folder / "logs" / "postgres.log").mkdir(parents=True)
    process = up.start(ready=False)
    assert process.wait(60) == 1
    assert "postgres.log" in up.said()
    assert up.said().count("\n") == 1
