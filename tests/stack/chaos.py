"""`manage.py chaos` as a process of its own, beside the servers of the test run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tradedesk.env import BASE_DIR
from tradedesk.stack.processes.commands import MANAGE

ORDERS, FAULTS, GAP = 200, 40, 0.6
#: The one of `make test` is half as long; those of the long run make all kinds of faults.
SEEDS, MANY_SEEDS = (334,), (334, *range(101, 109))
SHORT = 2
#: Servers of the test run; chaos has its own.
OURS = ("DATABASE_URL", "REDIS_URL", "PGOPTIONS", "TRADEDESK_DATA")
Done = subprocess.CompletedProcess[str]


def chaos(seed: int, shorter: int = 1) -> Done:
    """One seed to its end, with so many times fewer orders and faults; prints the report as JSON."""
    numbers = ("--orders", ORDERS // shorter, "--faults", FAULTS // shorter, "--seed", seed, "--gap", GAP)
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    argv = [*MANAGE, "chaos", *map(str, numbers)]
    return subprocess.run(argv, env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False)


def chaos_together(seeds: Sequence[int], *, at_once: int, shorter: int = 1) -> dict[int, Done]:
    """Several at the same time: a run mostly waits, and a busy machine is one fault more."""
    with ThreadPoolExecutor(at_once) as pool:
        return dict(zip(seeds, pool.map(partial(chaos, shorter=shorter), seeds), strict=True))
