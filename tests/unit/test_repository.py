"""What must be true of the files of this repository, whatever they do."""

from __future__ import annotations

import fnmatch
import os
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tradedesk.env import BASE_DIR

IGNORED = [line.strip("/") for line in (BASE_DIR / ".gitignore").read_text().split()] + [".git"]
PINNED = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?P<rest>( ;[^\n\\]*)?( \\\n +--hash=\S+)+)$", re.MULTILINE
)
LOCKS = ["requirements.lock", "requirements-dev.lock"]  # production, and what development needs beside it
PROJECT = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]

# Copyleft that ends at the library's own files (LGPL, MPL) is fine for what is only imported.
PERMISSIVE = re.compile(
    r"\b(MIT|0?BSD|Apache|ISC|PSF|Python Software Foundation|MPL|LGPL|Lesser|Unlicense|HPND)", re.IGNORECASE
)


def locked(lock: str) -> dict[str, Version]:
    """Each package of a lock by its normal name, with its version."""
    found = PINNED.finditer((BASE_DIR / lock).read_text())
    return {canonicalize_name(one["name"]): Version(one["version"]) for one in found}


# Written in two parts, so that this file does not contain what it looks for.
MACHINE_PATHS = [f"/{folder}/" for folder in ("work", "root", "home/runner")]
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "index" + "-url",
    "find" + "-links",
    "trusted" + "-host",
    "registry" + ".npmjs",
]


def files() -> Iterator[Path]:
    """Every text file of the project that git does not ignore."""
    for folder, names, found in os.walk(BASE_DIR):
        names[:] = [name for name in names if not ignored(name)]
        for name in found:
            path = Path(folder, name)
            if not ignored(name) and not path.is_symlink() and b"\0" not in path.read_bytes()[:1024]:
                yield path


def ignored(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in IGNORED)


@pytest.mark.parametrize("word", [*MACHINE_PATHS, *REGISTRIES])
def test_no_file_names_a_package_index_or_local_path(word: str) -> None:
    here = Path(__file__)
    guilty = [path for path in files() if path != here and word in path.read_text(errors="replace")]
    assert guilty == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_the_lock_file_is_a_pinned_hashed_package(lock: str) -> None:
    rest = PINNED.sub("", (BASE_DIR / lock).read_text())
    assert rest.strip() == ""


@pytest.mark.parametrize("lock", LOCKS)
def test_every_declared_dependency_is_locked_at_a_version_it_allows(lock: str) -> None:
    optional = PROJECT["optional-dependencies"]
    extras = [optional["otel"]] if lock == "requirements.lock" else optional.values()
    for requirement in map(Requirement, chain(PROJECT["dependencies"], *extras)):
        assert locked(lock)[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_production_installs_what_was_tested_and_no_tool_of_development() -> None:
    production = locked("requirements.lock")
    assert production.items() <= locked("requirements-dev.lock").items()
    assert (
        set(production) & {"mypy", "playwright", "schemathesis", "pytest", "ruff", "ibapi", "ib-insync"}
        == set()
    )


@pytest.mark.parametrize("package", sorted(locked("requirements.lock")))
def test_every_package_of_production_has_a_licence_that_a_desk_may_run(package: str) -> None:
    for installed in distributions(name=package):  # none, where a newer Python does not need it
        told = installed.metadata
        licences = [told["License-Expression"], told["License"], *(told.get_all("Classifier") or [])]
        assert PERMISSIVE.search(" | ".join(filter(None, licences))), licences


def test_the_scripts_that_make_calls_can_be_run() -> None:
    assert all(
        os.access(BASE_DIR / script, os.X_OK)
        for script in (".ci/run", ".ci/soak", ".ci/test", ".ci/venv", "manage.py")
    )


def test_everything_that_make_names_exists() -> None:
    """A target of the Makefile cannot name a tool or a file that is not there."""
    named = re.findall(
        r"(?<=[\s@])(manage\.py|\.ci/\w+|tests/\w+|requirements\.lock|pyproject\.toml)",
        makefile() + (BASE_DIR / ".ci/test").read_text(),
    )
    assert {"manage.py", ".ci/venv", "tests/unit", "tests/scenarios"} <= set(named)
    assert [name for name in named if not (BASE_DIR / name).exists()] == []


def makefile() -> str:
    return (BASE_DIR / "Makefile").read_text()


def test_a_commit_is_checked_by_what_make_lint_runs() -> None:
    recipe = makefile().partition("\nlint:")[2].partition("\n\n")[0].replace("$(IN_VENV)", ".venv/bin/python")
    hooks = yaml.safe_load((BASE_DIR / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == [line.strip() for line in recipe.splitlines()[1:]]


def test_make_lists_every_target() -> None:
    declared = makefile().partition(".PHONY:")[2].splitlines()[0].split()
    assert re.findall(r"^(\w+):.*## \S", makefile(), re.MULTILINE) == declared


def test_every_path_that_the_contributors_are_sent_to_exists() -> None:
    text = (BASE_DIR / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:tests|tradedesk|orders|brokers|deploy|docs|\.ci)/[\w./]+)`", text)
    assert len(named) > 20
    assert [name for name in named if not (BASE_DIR / name).exists()] == []


def test_every_setting_that_is_read_is_documented() -> None:
    read = re.compile(r'env\.\w+\([^)]*?"([A-Z][A-Z_]+)"')
    names = {
        name for path in (BASE_DIR / "tradedesk").rglob("*.py") for name in read.findall(path.read_text())
    }
    page = (BASE_DIR / "docs/settings.md").read_text()
    assert len(names) > 20
    assert {kind for kind in settings.MAX_AGE if f"`{kind}`" not in page} == set()
    assert {name for name in names if f"`{name}" not in page} == set()
