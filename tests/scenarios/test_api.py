"""The API of a live stack, tried by a foreign tool that knows nothing but its description."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradedesk.stack.system import System

CONFIG = Path(__file__).with_name("schemathesis.toml")
ACCOUNT, OTHER = "DU1234567", "DU7654321"
EXAMPLES = {"nobody": "3", "one account": "12"}  # for each operation, beside the edge cases


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of two accounts that does not slow down those who show bad tokens."""
    settings = {"TRADEDESK_ACCOUNTS": f"{ACCOUNT},{OTHER}", "TRADEDESK_BAD_TOKEN_RATE": "1000000"}
    with System(tmp_path_factory.mktemp("stack"), **settings) as system:
        yield system


def schemathesis(stack: System, who: str, *options: str) -> str:
    """What `st run` says of the live API with every check on."""
    command = ["st", "--config-file", str(CONFIG), "run", f"{stack.urls.http}/api/v1/schema"]
    command += ["--checks", "all", "--continue-on-failure", "--no-color", "--seed", "20261122"]
    run = subprocess.run(
        [*command, "--max-examples", EXAMPLES[who], *options],
        capture_output=True,
        text=True,
        cwd=stack.options.data,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        timeout=280,
        check=False,
    )
    return f"exit code {run.returncode}\n{run.stdout}{run.stderr}"


@pytest.mark.parametrize("who", EXAMPLES)
def test_schemathesis_finds_nothing(stack: System, who: str, capsys: pytest.CaptureFixture[str]) -> None:
    scopes = ("--accounts", ACCOUNT, "--scopes", "read,trade,cancel,admin")
    known = who != "nobody" and stack.manage("apitoken", "schemathesis", *scopes).strip()
    said = schemathesis(stack, who, *(["-H", f"Authorization: Token {known}"] if known else []))
    assert said.startswith("exit code 0\n"), said
    cases = re.search(r"Test cases:\n\s+(\d+) generated", said)
    assert cases, said
    with capsys.disabled():
        print(f"\nschemathesis as {who}: {cases[1]} cases, nothing found")
    assert int(cases[1]) > 50
