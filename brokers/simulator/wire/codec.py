"""The codec: fields of a frame <-> message, in both directions, at one server version.

The gateway uses `decode_client` and `encode_server`; the other two make the codec its own proof and
let tests and tools play the client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brokers.simulator.wire import (
    client,
    client_data,
    client_reference,
    server_data,
    server_layouts,
    server_reference,
)
from brokers.simulator.wire.frames import framed
from brokers.simulator.wire.layout import Layout
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.values import LARGEST_INT, WireError

#: Server versions this codec speaks: from 201 on frames are protobuf.
OLDEST_VERSION, NEWEST_VERSION = 151, 200
#: What a gateway announces unless it is told otherwise: ib_async speaks no more (tws-wire section 2).
DEFAULT_VERSION = 178

CLIENT_LAYOUTS = client.LAYOUTS | client_data.LAYOUTS | client_reference.LAYOUTS
SERVER_LAYOUTS = server_layouts.LAYOUTS | server_data.LAYOUTS | server_reference.LAYOUTS
_CLIENT_BY_STRUCT = {layout.struct: layout for layout in CLIENT_LAYOUTS.values()}
_SERVER_BY_STRUCT = {layout.struct: layout for layout in SERVER_LAYOUTS.values()}


class UnknownMessage(WireError):
    """The first field is a number, but no message of this codec has it."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"unknown message id {message_id}")
        self.message_id = message_id


def message_id(fields: Sequence[str]) -> int:
    """Return the number in the first field; raises WireError if it is none."""
    text = fields[0]
    if not (text.isascii() and text.isdigit()):
        raise WireError(f"message id expected, got {text[:40]!r}")
    return int(text)


def request_id(fields: Sequence[str]) -> int:
    """Return the id under which an unreadable message was sent; -1 if it has none that can be read."""
    layout = CLIENT_LAYOUTS.get(message_id(fields))
    position = layout.id_position if layout else None
    text = fields[position] if position is not None and position < len(fields) else ""
    return int(text) if text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST_INT else -1


def _decode(layouts: Mapping[int, Layout], version: int, fields: Sequence[str]) -> Record:
    number = message_id(fields)
    layout = layouts.get(number)
    if layout is None:
        raise UnknownMessage(number)
    message: Record = layout.at(version).read(fields)
    return message


def decode_client(version: int, fields: Sequence[str]) -> Record:
    """Return what a client said; raises UnknownMessage or WireError."""
    return _decode(CLIENT_LAYOUTS, version, fields)


def decode_server(version: int, fields: Sequence[str]) -> Record:
    """Return what a gateway said; raises UnknownMessage or WireError."""
    return _decode(SERVER_LAYOUTS, version, fields)


def encode_client(version: int, message: Record) -> list[str]:
    """Return the fields of a client's message."""
    return _CLIENT_BY_STRUCT[type(message)].at(version).write(message)


def encode_server(version: int, message: Record) -> list[str]:
    """Return the fields of a gateway's message."""
    return _SERVER_BY_STRUCT[type(message)].at(version).write(message)


def server_frame(version: int, message: Record) -> bytes:
    """Return a gateway's message as bytes."""
    return framed(_SERVER_BY_STRUCT[type(message)].at(version).payload(message))
