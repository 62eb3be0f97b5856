"""`.ci/venv`, on which every make target stands: a virtual environment in any state becomes the right one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tradedesk.env import BASE_DIR

TOO_OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.1" && exit 0\nexit 1\n'
WITHOUT_VENV = '#!/bin/sh\n[ "$2" = venv ] && echo "ensurepip is not available" && exit 1\nexit 0\n'


def new_checkout(folder: Path) -> Path:
    """A checkout that needs no packages, so that no package index is asked."""
    made = folder / "checkout"
    (made / ".ci").mkdir(parents=True)
    shutil.copy(BASE_DIR / ".ci/venv", made / ".ci/venv")
    (made / "requirements-dev.lock").write_text("# nothing\n")
    return made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return new_checkout(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with its environment, which takes seconds to make: who breaks it has it made anew."""
    made = new_checkout(tmp_path_factory.mktemp("ready"))
    assert "installing" in set_up(made).stderr
    return made


def set_up(checkout: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", ".ci/venv"],
        cwd=checkout,
        env=os.environ | {"PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def works(checkout: Path) -> bool:
    pip = [str(checkout / ".venv/bin/python"), "-m", "pip", "--version"]
    return subprocess.run(pip, capture_output=True, check=False).returncode == 0


def interpreter(checkout: Path, script: str) -> str:
    path = checkout / "interpreter"
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


@pytest.mark.soak
def test_a_second_start_does_nothing_until_the_lock_file_changes(ready: Path) -> None:
    assert set_up(ready).stderr == ""
    (ready / "requirements-dev.lock").write_text("# something else\n")
    assert "installing" in set_up(ready).stderr


@pytest.mark.soak
def test_a_broken_environment_is_made_anew(ready: Path) -> None:
    (ready / ".venv/bin/python").unlink()
    assert set_up(ready).returncode == 0
    assert works(ready)


@pytest.mark.soak
def test_an_environment_without_pip_is_made_anew(checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    assert set_up(checkout).returncode == 0
    assert works(checkout)


@pytest.mark.soak
def test_a_moved_checkout_gets_a_new_environment(ready: Path) -> None:
    moved = ready.rename(ready.with_name("moved"))
    assert set_up(moved).returncode == 0
    assert str(moved) in (moved / ".venv/bin/pip").read_text().splitlines()[0]
    moved.rename(ready)


def test_an_old_python_is_refused_in_one_sentence(checkout: Path) -> None:
    refused = set_up(checkout, interpreter(checkout, TOO_OLD))
    assert refused.returncode == 1
    assert "Python 3.11 or newer is needed" in refused.stderr
    assert "Python 3.9.1" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_no_python_at_all_is_said_in_one_sentence(checkout: Path) -> None:
    refused = set_up(checkout, "no-such-python")
    assert "but no-such-python is not there" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_python_without_venv_names_the_package_to_install(checkout: Path) -> None:
    refused = set_up(checkout, interpreter(checkout, WITHOUT_VENV))
    assert refused.returncode == 1
    assert "apt install python3-venv" in refused.stderr
    assert not (checkout / ".venv").exists()
