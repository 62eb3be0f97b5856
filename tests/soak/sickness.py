"""What every drill of a sick machine asks: is it said, is it over by itself, is nothing lost?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tradedesk.chaos.evidence import Books
from tradedesk.chaos.kills import Flow, compare, quiet
from tradedesk.env import BASE_DIR
from tradedesk.stack.clients import Api
from tradedesk.stack.polling import eventually

LIGHT = 5.0  # orders a second
NO_ANSWER = "no answer"
ASKED_FOR = 4.0  # seconds that who asks waits for an answer
Measure = Callable[[str, object], None]


@contextmanager
def light_flow(books: Books, api: Api, name: str) -> Iterator[Flow]:
    """Orders before, during and after a sickness; then each that was taken was executed once."""
    with Flow(api, name, rate=LIGHT) as flow:
        eventually(lambda: len(flow.taken) > LIGHT)
        yield flow
        taken = len(flow.taken)
        eventually(lambda: len(flow.taken) > taken + LIGHT)
    assert quiet(books) == []
    assert {name: found for name, found in compare(books, flow.taken).items() if found} == {}
    assert {status for status in flow.statuses if status >= 400} == set()


def trades_again(api: Api, measure: Measure) -> None:
    """An order that comes now is executed; says how long that took."""
    began = time.monotonic()
    order = eventually(lambda: api.placed("AAPL", max_age="3600"), limit=120, pause=0.05)
    eventually(lambda: api.state(order["id"]) == "COMPLETED", limit=120, pause=0.05)
    measure("seconds from health to an execution", round(time.monotonic() - began, 1))


def readyz(http: str) -> str:
    """What `/readyz` says, as text."""
    return answer_of(f"{http}/readyz")


def answer_of(url: str) -> str:
    """What is answered within a few seconds, over a connection of its own."""
    try:
        return httpx.get(url, timeout=ASKED_FOR, trust_env=False).text
    except httpx.TransportError:
        return NO_ANSWER


def probe(heartbeats: Path, limit: int) -> str:
    """What the liveness probe of a container says of processes unheard of for so many seconds."""
    done = subprocess.run(
        [sys.executable, "-IS", str(BASE_DIR / "tradedesk/liveness.py"), str(limit)],
        env={"TRADEDESK_HEARTBEATS": str(heartbeats)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout
