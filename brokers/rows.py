"""Rows of a long answer, packed: those of a day would be kilobytes each while they are compared."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
#: Rows that are packed together. They say much alike, so that some 40 bytes of each are left.
PART = 250


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
            self._packed.append(zlib.compress(pickle.dumps(self._last), 1))
            self._last = []

    def parts(self) -> Iterator[list[T]]:
        """A few hundred at a time, in order."""
        for packed in self._packed:
            yield pickle.loads(zlib.decompress(packed))  # noqa: S301 - as above
        if self._last:
            yield self._last

    def __iter__(self) -> Iterator[T]:
        return (row for part in self.parts() for row in part)

    def __len__(self) -> int:
        return PART * len(self._packed) + len(self._last)

    def __contains__(self, row: Any) -> bool:
        return any(row == one for one in self)
