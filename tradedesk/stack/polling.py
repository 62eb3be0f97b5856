"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

T = TypeVar("T")


def eventually(ask: Callable[[], T | None], limit: float = 60, pause: float = 0.1) -> T:
    """Ask until the answer is true and return it; fail with the last answer after `limit` seconds.

    A failing assert and a refused connection inside `ask` are answers too: "not yet".
    """
    deadline = time.monotonic() + limit
    while True:
        try:
            value = ask()
            if value:
                return value
            answer: object = value
        except (AssertionError, httpx.TransportError) as error:
            answer = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit} s; the last answer was: {answer!r}")
        time.sleep(pause)
