"""schemathesis, a foreign tool that knows nothing of the API but its description, run against a system."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tradedesk.stack.system import System

CONFIG = Path(__file__).with_name("schemathesis.toml")
ACCOUNT, OTHER = "DU1234567", "DU7654321"
#: A system of two accounts that does not slow down those who show bad tokens.
SETTINGS = {"TRADEDESK_ACCOUNTS": f"{ACCOUNT},{OTHER}", "TRADEDESK_BAD_TOKEN_RATE": "1000000"}
SCOPES = "read,trade,cancel,admin"


def token(stack: System, scopes: str = SCOPES) -> list[str]:
    """The options that show the token of a client with these scopes for one account."""
    words = ("--accounts", ACCOUNT, "--scopes", scopes, "--approved-by", "approver")
    made = stack.manage("apitoken", f"schemathesis-{scopes.replace(',', '-')}", *words)
    return ["-H", f"Authorization: Token {made.strip()}"]


def cases_without_a_fault(stack: System, *options: str, seed: int = 20261122) -> int:
    """How many requests `st run` made of the live API with every check on; fails with what it found."""
    command = ["st", "--config-file", str(CONFIG), "run", f"{stack.urls.http}/api/v1/schema"]
    command += ["--checks", "all", "--continue-on-failure", "--no-color", "--seed", str(seed)]
    run = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        cwd=stack.options.data,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        timeout=1500,
        check=False,
    )
    said = f"exit code {run.returncode}\n{run.stdout}{run.stderr}"
    assert run.returncode == 0, said
    cases = re.search(r"Test cases:\n\s+(\d+) generated", said)
    assert cases, said
    return int(cases[1])
