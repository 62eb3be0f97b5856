"""Many readers of the event stream at once: what each was told, how late, and what it costs the process."""

from __future__ import annotations

import asyncio
import re
import resource
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self
from urllib.parse import urlsplit

from tradedesk.bench.figures import Document, spread
from tradedesk.bench.ground import Ground
from tradedesk.bench.machine import family_mb, family_seconds
from tradedesk.stack.polling import eventually

RATE = 20.0  # orders a second
OPENED_AT_ONCE = 50
SPARE = 200  # file descriptors beside those of the readers
ORDER = re.compile(rb"id: (\d+-\d+)\nevent: order\n")
FIRST = re.compile(rb"retry: \d+\nid: \d+-\d+\n\n")
LIMIT = 300.0  # seconds
TOLD = """
    SELECT txid || '-' || id, extract(epoch FROM recorded_at)::float8 FROM orders_orderevent
    WHERE id > %s ORDER BY txid, id
"""


class Reader(asyncio.Protocol):
    """One connection; `heard` are event ids with the moment at which they came (epoch seconds)."""

    def __init__(self, request: bytes) -> None:
        self.heard: list[tuple[str, float]] = []
        self.ready = asyncio.get_running_loop().create_future()
        self.lost = False
        self._request = request
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Note the events; a server's chunk ends with a block, and what does not waits for its end."""
        now, text = time.time(), self._rest + data
        end = text.rfind(b"\n\n") + 2
        self._rest = text[end:] if end > 1 else text
        whole = text[:end] if end > 1 else b""
        if not self.ready.done() and FIRST.search(whole):
            self.ready.set_result(None)
        self.heard += [(found.decode(), now) for found in ORDER.findall(whole)]

    def connection_lost(self, error: Exception | None) -> None:
        """The server, or we, ended it."""
        self.lost = True


class Readers:
    """So many readers on an event loop of a thread of their own."""

    def __init__(self, ground: Ground, count: int) -> None:
        place = urlsplit(ground.system.urls.stream)
        self.host, self.port = str(place.hostname), place.port or 80
        lines = [f"Host: {place.netloc}", f"Authorization: Token {ground.token}"]
        self.request = "\r\n".join(["GET /api/v1/stream HTTP/1.1", *lines, "", ""]).encode()
        self.count = count
        self.all: list[Reader] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(LIMIT)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(LIMIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        self._transports: list[asyncio.BaseTransport] = []
        for first in range(0, self.count, OPENED_AT_ONCE):
            some = range(first, min(first + OPENED_AT_ONCE, self.count))
            await asyncio.gather(*(self._one() for _ in some))

    async def _one(self) -> None:
        make = self._loop.create_connection(lambda: Reader(self.request), self.host, self.port)
        transport, reader = await make
        self._transports.append(transport)
        await reader.ready
        self.all.append(reader)

    async def _close(self) -> None:
        for transport in self._transports:
            transport.close()
        await asyncio.sleep(0)


def streams(ground: Ground, *, readers: int, orders: int) -> Document:
    """Open the readers, send orders, and compare what each heard with what is recorded."""
    make_room(readers)
    stream = ground.system.running["stream"].pid
    before, processor = family_mb(stream), family_seconds(stream)
    ((newest,),) = ground.system.rows("SELECT max(id) FROM orders_orderevent")
    began = time.time()
    with Readers(ground, readers) as all_readers:
        opened = time.time() - began
        place(ground, orders)
        ground.wait_until_done()
        told = ground.system.rows(TOLD, newest)
        heard_all = wait_for_all(all_readers.all, len(told))
        memory, spent = family_mb(stream), family_seconds(stream) - processor
        wrong = [reader for reader in all_readers.all if not told_right(reader, [row[0] for row in told])]
        lost = sum(reader.lost for reader in all_readers.all)
    recorded = dict(told)
    heard = [each for reader in all_readers.all for each in reader.heard if each[0] in recorded]
    return {
        "readers": readers,
        "orders": orders,
        "events": len(told),
        "told": sum(len(reader.heard) for reader in all_readers.all),
        "all_told_in_time": heard_all,
        "readers_told_wrong": len(wrong),
        "readers_cut_off": lost,
        "opening_seconds": round(opened, 2),
        "recorded_to_reader_ms": spread(at - recorded[event] for event, at in heard),
        "processor_ms_per_event_and_reader": round(spent * 1000 / max(1, len(told) * readers), 4),
        "memory_mb": {"before": before, "with_readers": memory},
    }


def make_room(readers: int) -> None:
    """As many files as there are readers; raises AssertionError when the system does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = readers + SPARE
    if hard not in (-1, resource.RLIM_INFINITY) and hard < needed:
        raise AssertionError(f"{readers} readers need {needed} open files; the limit is {hard} (ulimit -n).")
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def place(ground: Ground, orders: int) -> None:
    """Send orders at RATE a second."""
    begin = time.time()
    with ThreadPoolExecutor(4) as pool:
        running = []
        for number in range(orders):
            time.sleep(max(0.0, begin + number / RATE - time.time()))
            running.append(pool.submit(lambda n: ground.own_connection().place(ground.order(n)), number))
        for one in running:
            one.result()


def wait_for_all(readers: Sequence[Reader], count: int) -> bool:
    """Wait until each has heard so many; whether it came to that."""
    try:
        eventually(lambda: all(len(reader.heard) >= count for reader in readers), limit=LIMIT, pause=0.1)
    except AssertionError:
        return False
    return True


def told_right(reader: Reader, told: Sequence[str]) -> bool:
    """Whether it heard every event once, in their order; what came after we looked does not count."""
    heard = [place for place, _ in reader.heard]
    return heard[: len(told)] == list(told) and len(set(heard)) == len(heard)
