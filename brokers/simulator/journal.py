"""The gateway's memory on disk: an append-only file of facts, replaced by a snapshot when it has grown.

One line holds the facts of one turn, so that a turn is there whole or not at all. It is handed to the
operating system before any answer of the turn is sent: a killed process loses nothing it has said. (A
machine that loses power may lose the last turns; no claim is made about that.)
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from brokers.simulator.gateway.facts import AnyFact, Fact
from brokers.simulator.gateway.state import State

#: Compact when the file is larger than this and has doubled since its last snapshot.
COMPACT_ABOVE = 16 << 20


class JournalError(Exception):
    """The data directory cannot be used; the text says why and what to do."""


class Journal:
    """Facts of one gateway in `directory`/journal.jsonl, which it locks against a second gateway."""

    def __init__(self, directory: Path, compact_above: int = COMPACT_ABOVE) -> None:
        self.path = directory / "journal.jsonl"
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(list[AnyFact])
        self._turn: list[bytes] = []
        self._compact_above = compact_above
        self._size_at_snapshot = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(directory / "lock")
            self._file: IO[bytes] = self.path.open("ab")
        except BlockingIOError:
            raise JournalError(f"{directory} is in use by another simulated gateway") from None
        except OSError as error:
            raise JournalError(f"cannot keep data in {directory}: {error.strerror}") from error

    def replay(self, state: State) -> None:
        """Make `state` what it was when the last whole turn was written; a torn last line is cut off.

        Raises JournalError if an earlier line cannot be read.
        """
        good = 0
        for number, (line, is_last) in enumerate(self._lines(), start=1):
            try:
                facts = self._decoder.decode(line) if line.endswith(b"\n") else None
            except msgspec.DecodeError as error:
                if not is_last:
                    raise JournalError(f"{self.path} line {number} is damaged: {error}") from error
                facts = None
            if facts is None:
                break
            for fact in facts:
                state.apply(fact)
            good += len(line)
        os.truncate(self.path, good)
        self._size_at_snapshot = good

    def append(self, fact: Fact) -> None:
        """Note a fact of this turn. It is encoded now: what it refers to may change later in the turn."""
        self._turn.append(self._encoder.encode(fact))

    def commit(self, state: State) -> None:
        """Write the turn down; afterwards it may be spoken of.

        Raises JournalError if that fails: what the turn did must then never be told.
        """
        if not self._turn:
            return
        line = b"[" + b",".join(self._turn) + b"]\n"
        self._turn.clear()
        try:
            self._file.write(line)
            self._file.flush()
            size = self._file.tell()
            if size > self._compact_above and size > 2 * self._size_at_snapshot:
                self.compact(state)
        except OSError as error:
            raise JournalError(f"cannot write to {self.path}: {error.strerror}") from error

    def compact(self, state: State) -> None:
        """Replace the file by one snapshot of `state`, at once or not at all."""
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(self._encoder.encode([state.snapshot()]) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self._size_at_snapshot = file.tell()
        fresh.replace(self.path)
        self._file.close()
        self._file = self.path.open("ab")

    def close(self) -> None:
        """Release the file and the lock."""
        self._file.close()
        self._lock.close()

    def _lines(self) -> Iterator[tuple[bytes, bool]]:
        """Yield every line and whether it is the last."""
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            for line in file:
                yield line, file.tell() >= size


def _locked(path: Path) -> IO[str]:
    """Return the open lock file; raises BlockingIOError if another process holds it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file
