"""What a reader of the stream was told is what OrderEvent holds, whoever was killed meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import httpx

from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System
from tradedesk_client import Tradedesk

WITHOUT = ("flower",)
RESTING = {"ord_type": "LIMIT", "price": "1.00", "max_age": "3600"}


class Reader:
    """A reader in a thread that can be thrown away and followed by another one at the same place."""

    def __init__(self, stack: System) -> None:
        self.stack = stack
        self.heard: list[tuple[str, int]] = []
        self.place = "0-0"
        self.lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """Read on from the last place, with connections of its own; whoever read before is heard no more."""
        token = self.stack.api.headers["Authorization"].split()[1]
        with self.lock:
            self.client = Tradedesk(self.stack.urls.http, token)
            threading.Thread(target=self._read, args=(self.client, self.place), daemon=True).start()

    def _read(self, client: Tradedesk, place: str) -> None:
        with suppress(RuntimeError, httpx.HTTPError):  # its connections were closed under it
            for event in client.events(place):
                with self.lock:
                    if client is not self.client:
                        return
                    assert event.kind == "order", event
                    self.heard.append((event.data["order_id"], event.data["version"]))
                    self.place = event.id

    def replace(self) -> None:
        """Throw the connection away in the middle of things."""
        old = self.client
        self.start()
        old.close()


def told(stack: System) -> list[tuple[str, int]]:
    """The events in commit order, straight from the database."""
    rows = stack.rows("SELECT order_id::text, version FROM orders_orderevent ORDER BY txid, id")
    return [(order_id, version) for order_id, version in rows]


def test_a_reader_hears_every_event_once_through_every_kill(stack: System) -> None:
    reader = Reader(stack)
    harms: list[Callable[[], None]] = [
        lambda: (stack.kill("stream"), stack.start("stream"))[0],
        stack.restart_postgres,
        reader.replace,
        stack.wipe_redis,
    ]
    for harm in harms:
        for _ in range(3):
            stack.api.placed(**RESTING)
        harm()
        eventually(lambda: stack.api.get("/sessions").status_code == 200, limit=120)
        for _ in range(3):
            stack.api.placed(**RESTING)
    eventually(lambda: len(told(stack)) > 6 * len(harms) and reader.heard == told(stack), limit=150)
    assert len(set(reader.heard)) == len(reader.heard)
