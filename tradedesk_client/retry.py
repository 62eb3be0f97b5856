"""Asking again when nothing, or "not now", came back; only for requests that may be repeated."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

NOT_NOW = (429, 502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long: pauses double from `pause` to `longest` seconds, with jitter."""

    tries: int = 8
    pause: float = 0.2
    longest: float = 10.0

    def before(self, attempt: int, answer: httpx.Response | None) -> float:
        """Seconds to wait after the attempt of this number (from 0); the server's own word comes first."""
        asked = answer.headers.get("Retry-After", "") if answer is not None else ""
        grown = min(self.pause * 2**attempt, self.longest)
        return float(asked) if asked.isdigit() else grown * random.uniform(0.5, 1)  # noqa: S311


def patiently(
    send: Callable[[], httpx.Response], patience: Patience, sleep: Callable[[float], None] = time.sleep
) -> httpx.Response | None:
    """The first answer that is more than "not now"; else the last answer, None when there never was one."""
    answer: httpx.Response | None = None
    for attempt in range(patience.tries):
        try:
            answer = send()
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code not in NOT_NOW:
            return answer
        if attempt + 1 < patience.tries:
            sleep(patience.before(attempt, answer))
    return answer
