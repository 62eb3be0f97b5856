"""Any process of `make up` is killed at any moment under load; `KILL_MINUTES=10` for the long form."""

from __future__ import annotations

import json
import os
import subprocess

from tradedesk.env import BASE_DIR
from tradedesk.stack.processes.commands import MANAGE

MINUTES = os.environ.get("KILL_MINUTES", "1")
OURS = ("DATABASE_URL", "REDIS_URL", "TRADEDESK_DATA", "PGOPTIONS", "SECRET_KEY")


def test_whatever_is_killed_at_random_trading_goes_on_and_nothing_is_lost() -> None:
    done = subprocess.run(
        [*MANAGE, "kills", "--rounds", "0", "--minutes", MINUTES, "--seed", "7"],
        env={name: value for name, value in os.environ.items() if name not in OURS},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout)
    assert done.returncode == 0, told["invariants"]
    assert told["kills"] >= 2
