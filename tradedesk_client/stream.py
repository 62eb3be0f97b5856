"""The stream of order events: read for as long as one likes, resumed wherever it breaks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from tradedesk_client.errors import raise_for

SILENCE = 10.0  # seconds; the server says something every two
PAUSE = 1.0


@dataclass(frozen=True, kw_only=True)
class Event:
    """One block: `kind` is "order", or "reset": read your orders anew. `id` is where to go on."""

    id: str
    kind: str
    data: dict[str, Any]


def follow(
    client: httpx.Client, url: str, params: dict[str, str], last_event_id: str = ""
) -> Iterator[Event]:
    """Order events from `last_event_id` on (from now when empty), without gap or repetition, for good.

    Raises ApiError when the server refuses; every other end is resumed.
    """
    place = last_event_id
    while True:
        headers = {"Last-Event-ID": place} if place else {}
        try:
            with client.stream("GET", url, params=params, headers=headers, timeout=SILENCE) as answer:
                if answer.status_code not in (429, 502, 503, 504):
                    if not answer.is_success:
                        answer.read()
                    raise_for(answer)
                    for event in blocks(lines(answer.iter_text())):
                        place = event.id or place
                        if event.kind in ("order", "reset"):
                            yield event
        except httpx.TransportError:
            pass
        time.sleep(PAUSE)


def lines(texts: Iterable[str]) -> Iterator[str]:
    """Lines of a text that comes in pieces. Python ends them at more characters, which texts may hold."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        yield from (line.removesuffix("\r") for line in whole)


def blocks(lines: Iterable[str]) -> Iterator[Event]:
    """Blocks of server-sent events (WHATWG HTML, 9.2.6); one that is cut off in the middle is dropped."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line and name:
            found[name] = value.removeprefix(" ")
        elif not line and found:
            data = json.loads(found.get("data") or "{}")
            yield Event(id=found.get("id", ""), kind=found.get("event", "message"), data=data)
            found = {}
