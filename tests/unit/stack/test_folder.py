"""The data folder: private, locked, and honest about whether a stack runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tradedesk import env
from tradedesk.stack.errors import StackError
from tradedesk.stack.folder import DataFolder

FACTS = {"DATABASE_URL": "postgresql://somewhere", "pid": 1}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEDESK_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_only_its_owner_can_look_into_the_folder(here: Path) -> None:
    with DataFolder(here) as folder:
        folder.publish(FACTS)
        folder.secret("secret_key")
    modes = {path.name: path.stat().st_mode & 0o077 for path in [here, here / "secret_key"]}
    assert set(modes.values()) == {0}


def test_a_secret_is_random_and_stays(here: Path, tmp_path: Path) -> None:
    with DataFolder(here) as folder, DataFolder(tmp_path / "other") as other:
        first = folder.secret("secret_key")
        assert folder.secret("secret_key") == first
        assert other.secret("secret_key") != first
        assert env.stored_secret_key() == first


def test_an_emptied_secret_is_named_and_not_taken_for_one(here: Path) -> None:
    with DataFolder(here) as folder:
        folder.secret("redis_password")
        (here / "redis_password").write_text("")
        with pytest.raises(StackError, match=r"redis_password is empty: put back what was in it"):
            folder.secret("redis_password")


def test_a_second_stack_on_the_same_folder_is_refused(here: Path) -> None:
    with DataFolder(here), pytest.raises(StackError, match="Another stack is running on"):
        DataFolder(here)


def test_a_stopped_stack_frees_its_folder(here: Path) -> None:
    with DataFolder(here) as folder:
        folder.publish(FACTS)
    with DataFolder(here):
        assert not (here / "stack.json").exists()


def test_commands_find_the_running_stack(here: Path) -> None:
    with DataFolder(here) as folder:
        folder.publish(FACTS)
        assert env.local_stack() == {"DATABASE_URL": "postgresql://somewhere", "pid": "1"}
    assert env.local_stack() == {}


def test_commands_know_the_gateway_of_the_running_stack(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEDESK_GATEWAY", raising=False)
    with DataFolder(here) as folder:
        folder.publish(FACTS | {"TRADEDESK_GATEWAY": "10.0.0.5:4001"})
        assert (env.broker_sessions()["main"].host, env.broker_sessions()["main"].port) == ("10.0.0.5", 4001)
    assert env.broker_sessions()["main"].port == 4002


def test_commands_ignore_what_a_killed_stack_left_behind(here: Path) -> None:
    killed = (
        "import os, pathlib, sys; from tradedesk.stack.folder import DataFolder;"
        "DataFolder(pathlib.Path(sys.argv[1])).publish({'DATABASE_URL': 'x'}); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(here)], cwd=env.BASE_DIR, check=False)
    assert (here / "stack.json").exists()
    assert env.local_stack() == {}


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StackError, match=r"The data folder .*file/data cannot be used"):
        DataFolder(tmp_path / "file" / "data")
