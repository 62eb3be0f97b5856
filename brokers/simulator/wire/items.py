"""What a layout is a list of: constants, fields, blocks under a condition, counted repetitions.

Each is there in a range of server versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from brokers.simulator.wire.values import ValueCodec

LATEST = 10_000


class Const(NamedTuple):
    """A field whose text never changes, such as the message id or the message version."""

    text: str
    since: int = 0
    until: int = LATEST


class Field(NamedTuple):
    """One field: dotted path of the attribute, its codec, the server versions that have it."""

    path: str
    codec: ValueCodec
    since: int = 0
    until: int = LATEST


class When(NamedTuple):
    """Items present only if `test` holds for the value at `path` (read or written before)."""

    path: str
    test: Callable[[Any], bool]
    items: Sequence[Item]
    since: int = 0
    until: int = LATEST


class Repeat(NamedTuple):
    """A count, then that many records of `struct`, kept as a tuple at `path`."""

    path: str
    struct: type[Any]
    items: Sequence[Item]
    since: int = 0
    until: int = LATEST


Item = Const | Field | When | Repeat
