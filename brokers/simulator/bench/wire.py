"""A client that costs next to nothing, so that what is measured is the gateway."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from decimal import Decimal
from time import perf_counter
from typing import Any

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import codec
from brokers.simulator.wire.frames import PREFIX, pack
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Contract, Order, Record

#: Seconds without a byte after which the gateway counts as dead.
PATIENCE = 120.0
_ORDER_STATUS = b"3\0"
_CHUNK = 1 << 18


def client_frame(message: Record) -> bytes:
    """Return a client's message as bytes."""
    return pack(codec.encode_client(codec.DEFAULT_VERSION, message))


def order_tail(**terms: Any) -> bytes:
    """Return what follows the order id in a placeOrder: buy 1 AAPL at the market unless told otherwise."""
    plain: dict[str, Any] = {"action": "BUY", "total_quantity": Decimal(1), "order_type": "MKT", "tif": "DAY"}
    contract = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
    message = PlaceOrder(order_id=0, contract=contract, order=Order(**(plain | terms)))
    return ("\0".join(codec.encode_client(codec.DEFAULT_VERSION, message)[2:]) + "\0").encode()


def order_frame(order_id: int, tail: bytes) -> bytes:
    """Return the placeOrder frame of an id and what `order_tail` gave."""
    payload = b"3\0%d\0" % order_id + tail
    return len(payload).to_bytes(4, "big") + payload


def round_trip(ids: range) -> dict[int, bytes]:
    """Return frames of market orders by id, buying and selling in turn so that the position stays small."""
    tails = [order_tail(), order_tail(action="SELL")]
    return {number: order_frame(number, tails[number % 2]) for number in ids}


class RawClient:
    """A blocking connection that reads nothing but orderStatus and the id of other messages.

    Raises ConnectionError if the gateway does not let it in.
    """

    def __init__(self, port: int, client_id: int = 1) -> None:
        self.bytes_read = 0
        self.frames_read = 0
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        version = f"v{codec.DEFAULT_VERSION}..{codec.DEFAULT_VERSION}".encode()
        self._socket.sendall(PREFIX + len(version).to_bytes(4, "big") + version)
        try:
            self.until(lambda frame: True)
            self.send(requests.StartApi(client_id=client_id))
            self.next_id = int(self.until(lambda frame: frame.startswith(b"9\0")).split(b"\0")[2])
        except ConnectionError:
            self.close()
            raise

    def send(self, message: Record) -> None:
        """Send a message."""
        self.send_bytes(client_frame(message))

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def frames(self) -> Iterator[bytes]:
        """Wait for bytes and yield the payload of every whole frame among them.

        Raises ConnectionError if the gateway closes, TimeoutError if it says nothing.
        """
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the gateway closed the connection")
        self.bytes_read += len(data)
        data = self._rest + data if self._rest else data
        start, length = 0, len(data)
        while length - start >= 4:
            end = start + 4 + int.from_bytes(data[start : start + 4], "big")
            if end > length:
                break
            self.frames_read += 1
            yield data[start + 4 : end]
            start = end
        self._rest = data[start:]

    def until(self, wanted: Callable[[bytes], bool]) -> bytes:
        """Read until a frame is wanted; return it. What came with it is dropped."""
        while True:
            found = [frame for frame in self.frames() if wanted(frame)]
            if found:
                return found[0]

    def statuses(self, wanted: bytes) -> Iterator[int]:
        """Wait for bytes and yield the order id of every orderStatus with this status."""
        for frame in self.frames():
            if frame.startswith(_ORDER_STATUS):
                _, order_id, status, _ = frame.split(b"\0", 3)
                if status == wanted:
                    yield int(order_id)

    def take_ids(self, count: int) -> range:
        """Return order ids that were not used yet."""
        first, self.next_id = self.next_id, self.next_id + count
        return range(first, first + count)

    def work(self, frames: dict[int, bytes], wanted: bytes, window: int) -> tuple[float, list[float]]:
        """Send an order's frame as soon as fewer than `window` wait for their status.

        Return the seconds for all, and the seconds of each.
        """
        waiting = iter(frames.items())
        sent: dict[int, float] = {}
        took: list[float] = []
        start = perf_counter()
        self._send_next(waiting, sent, window)
        while sent:
            ended = 0
            for order_id in self.statuses(wanted):
                at = sent.pop(order_id, None)
                if at is not None:
                    took.append(perf_counter() - at)
                    ended += 1
            if ended:
                self._send_next(waiting, sent, ended)
        return perf_counter() - start, took

    def close(self) -> None:
        self._socket.close()

    def _send_next(self, waiting: Iterator[tuple[int, bytes]], sent: dict[int, float], most: int) -> None:
        batch = []
        for _, (order_id, frame) in zip(range(most), waiting, strict=False):
            sent[order_id] = perf_counter()
            batch.append(frame)
        if batch:
            self.send_bytes(b"".join(batch))
