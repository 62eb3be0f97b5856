"""Rows and keys of a long answer, packed: those of a day would be kilobytes each while they are compared."""

from __future__ import annotations

import os
import pickle
import zlib
from array import array
from collections.abc import Collection, Container, Hashable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
#: Rows that are packed together. They say much alike, so that some 40 bytes of each are left.
PART = 250
#: A key is looked for among one in so many.
SHELVES = 4096


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


class Keys(Container[Hashable]):
    """Keys of a long answer at some ten bytes each, to be asked which of ours are among them.

    Told apart by hashes of 64 bits that are other ones each time: that one of a million is taken for one that
    is not there happens in one of a million answers, and not again in the next one. So "it is there" must
    be the careful reading.
    """

    def __init__(self, keys: Iterable[Hashable] = ()) -> None:
        self._salt = os.urandom(8)
        self._shelves = [array("q") for _ in range(SHELVES)]
        for key in keys:
            self.add(key)

    def add(self, key: Hashable) -> None:
        """One more; again is as once, but for its bytes."""
        shelf, said = self._place(key)
        shelf.append(said)

    def __contains__(self, key: Any) -> bool:
        shelf, said = self._place(key)
        return said in shelf

    def _place(self, key: Hashable) -> tuple[array[int], int]:
        said = hash((self._salt, key))
        return self._shelves[said % SHELVES], said
