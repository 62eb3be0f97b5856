"""Rows of a long answer, packed: those of a day would be kilobytes each while they are compared."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
#: Rows that are packed together. They say much alike, so that some 40 bytes of each are left.
PART = 250


def packed(rows: list[T]) -> bytes:
    """These rows as bytes of this process; nothing that came from elsewhere is ever read by `unpacked`."""
    return zlib.compress(pickle.dumps(rows), 1)


def unpacked(part: bytes) -> list[Any]:
    """What was packed."""
    rows: list[Any] = pickle.loads(zlib.decompress(part))  # noqa: S301 - as above
    return rows


class Rows(Collection[T]):
    """Rows in the order told; each pass over them unpacks a few hundred at a time.

    Packed as the objects that they are, since a broker may say what no column and no document holds.
    """

    def __init__(self, rows: Iterable[T] = ()) -> None:
        self._packed: list[bytes] = []
        self._last: list[T] = []
        for row in rows:
            self.append(row)

    def append(self, row: T) -> None:
        """One more, at the end."""
        self._last.append(row)
        if len(self._last) >= PART:
            self._packed.append(packed(self._last))
            self._last = []

    def parts(self) -> Iterator[list[T]]:
        """A few hundred at a time, in order."""
        for part in self._packed:
            yield unpacked(part)
        if self._last:
            yield self._last

    def __iter__(self) -> Iterator[T]:
        return (row for part in self.parts() for row in part)

    def __len__(self) -> int:
        return PART * len(self._packed) + len(self._last)

    def __contains__(self, row: Any) -> bool:
        return any(row == one for one in self)
