"""Frames: a 4-byte big-endian length, then text fields that each end with NUL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brokers.simulator.wire.values import WireError

#: What a client may send in one frame. The largest real placeOrder is a few kilobytes.
MAX_FRAME = 1 << 20
#: The raw bytes that open every connection, before any frame.
PREFIX = b"API\0"
_LENGTH_SIZE = 4


def pack(fields: Sequence[str]) -> bytes:
    """Return the frame of `fields`."""
    return framed("\0".join(fields) + "\0")


def framed(text: str) -> bytes:
    """Return the frame of a payload."""
    payload = text.encode("utf-8", "replace")
    return len(payload).to_bytes(_LENGTH_SIZE, "big") + payload


def unpack(payload: bytes) -> list[str]:
    """Return the fields of a frame's payload; raises WireError if the final NUL is missing."""
    if not payload.endswith(b"\0"):
        raise WireError("frame does not end with NUL")
    return payload[:-1].decode("utf-8", "replace").split("\0")


class FrameBuffer:
    """Joins what arrives in pieces and gives it back frame by frame."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self._data += data

    def take_prefix(self) -> bool:
        """Consume the opening bytes; False while they are incomplete, WireError if they are others."""
        start = bytes(self._data[: len(PREFIX)])
        if not PREFIX.startswith(start):
            raise WireError(f"connection opens with {start!r}, not with the API prefix")
        if len(start) < len(PREFIX):
            return False
        del self._data[: len(PREFIX)]
        return True

    def payload(self) -> bytes | None:
        """Return the next whole frame's payload, or None; WireError if it announces an absurd size."""
        if len(self._data) < _LENGTH_SIZE:
            return None
        size = int.from_bytes(self._data[:_LENGTH_SIZE], "big")
        if not 0 < size <= MAX_FRAME:
            raise WireError(f"frame of {size} bytes, 1 to {MAX_FRAME} allowed")
        end = _LENGTH_SIZE + size
        if len(self._data) < end:
            return None
        payload = bytes(self._data[_LENGTH_SIZE:end])
        del self._data[:end]
        return payload

    def frames(self) -> Iterator[list[str]]:
        """Yield the fields of every whole frame that is there."""
        while (payload := self.payload()) is not None:
            yield unpack(payload)
