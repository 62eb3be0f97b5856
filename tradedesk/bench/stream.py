"""A reader of the event stream that notes when each order was seen to be filled."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from tradedesk.bench.ground import Ground
from tradedesk.stack.polling import eventually

FILLED = ("FILLED", "COMPLETED")


class FillWatch:
    """One listener on a thread of its own; `seen` has the moment of each order's fill (epoch seconds)."""

    def __init__(self, ground: Ground) -> None:
        self.seen: dict[str, float] = {}
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

    def wait_for(self, orders: Sequence[str]) -> None:
        """Wait until the fill of each was read."""
        eventually(lambda: all(order in self.seen for order in orders), limit=60, pause=0.02)

    def _read(self) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException, AttributeError):  # closed at the end
            for line in self._answer:
                if line.startswith(b"data: {"):
                    event, now = json.loads(line[6:]), time.time()
                    if event.get("state") in FILLED:
                        self.seen.setdefault(event["order_id"], now)
