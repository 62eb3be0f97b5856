"""A reader of the event stream that notes when each order was seen to be filled."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from tradedesk.bench.client import Answer
from tradedesk.bench.ground import Ground
from tradedesk.stack.polling import eventually

FILLED = ("FILLED", "COMPLETED")


class FillWatch:
    """One listener on a thread of its own; `seen` has the moment of each order's fill (epoch seconds).

    Each fill is then read once by the API, on another thread; `read` has the answers.
    """

    def __init__(self, ground: Ground) -> None:
        self.seen: dict[str, float] = {}
        self.read: dict[str, Answer] = {}
        self._ground = ground
        self._reader = ThreadPoolExecutor(1)
        self._http = http.client.HTTPConnection(urlsplit(ground.system.urls.stream).netloc, timeout=60)
        self._http.request("GET", "/api/v1/stream", headers={"Authorization": f"Token {ground.token}"})
        self._answer = self._http.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._http.sock:
            self._http.sock.close()
        self._http.close()
        self._reader.shutdown()

    def wait_for(self, orders: Sequence[str]) -> None:
        """Wait until the fill of each was heard, and read."""
        eventually(lambda: all(order in self.read for order in orders), limit=60, pause=0.005)

    def _read(self) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException, AttributeError):  # closed at the end
            for line in self._answer:
                if line.startswith(b"data: {"):
                    event, now = json.loads(line[6:]), time.time()
                    if event.get("state") in FILLED and event["order_id"] not in self.seen:
                        self.seen[event["order_id"]] = now
                        self._reader.submit(self._ask, event["order_id"])

    def _ask(self, order_id: str) -> None:
        answer = self._ground.own_connection().ask("GET", f"/orders/{order_id}")
        if answer.document["leaves_qty"] == "0":
            self.read[order_id] = answer
