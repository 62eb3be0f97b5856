"""The gateway's memory on disk: an append-only file of facts, replaced by a snapshot when it has grown.

One line holds the facts of one turn, so that a turn is there whole or not at all. It is handed to the
operating system before any answer of the turn is sent: a killed process loses nothing it has said. (A
machine that loses power may lose the last turns; no claim is made about that.)
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from brokers.simulator.gateway.memory.facts import AnyFact, Fact
from brokers.simulator.gateway.memory.state import State

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
        self._snapshot: _SnapshotWriter | None = None
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

        Raises JournalError if that fails: what the turn did must then never be sent.
        """
        if not self._turn:
            return
        line = b"[" + b",".join(self._turn) + b"]\n"
        self._turn.clear()
        try:
            self._file.write(line)
            self._file.flush()
            self._shorten(line, state)
        except OSError as error:
            raise JournalError(f"cannot write to {self.path}: {error.strerror}") from error

    def compact(self, state: State) -> None:
        """Replace the file by one snapshot of `state`, at once or not at all."""
        self._begin_snapshot(state)
        self._use_snapshot()

    def close(self) -> None:
        """Release the file and the lock; a snapshot that is still being written is not needed."""
        if self._snapshot is not None:
            self._snapshot.join()
        self._file.close()
        self._lock.close()

    def _shorten(self, line: bytes, state: State) -> None:
        """Begin a snapshot when the file has grown, and use it once the disk has it."""
        size = self._file.tell()
        if self._snapshot is not None:
            self._snapshot.lines.append(line)
            if not self._snapshot.is_alive():
                self._use_snapshot()
        elif size > self._compact_above and size > 2 * self._size_at_snapshot:
            self._begin_snapshot(state)

    def _begin_snapshot(self, state: State) -> None:
        # Encoded now, because the state goes on changing; the disk is what takes long.
        data = self._encoder.encode([state.snapshot()]) + b"\n"
        self._snapshot = _SnapshotWriter(self.path.with_suffix(".new"), data)
        self._snapshot.start()

    def _use_snapshot(self) -> None:
        """Put the snapshot, with the turns since, in place of the file; raises OSError."""
        snapshot, self._snapshot = self._snapshot, None
        assert snapshot is not None  # noqa: S101 - asked for by those who began one
        snapshot.finish()
        snapshot.path.replace(self.path)
        self._file.close()
        self._file = self.path.open("ab")
        self._size_at_snapshot = self._file.tell()

    def _lines(self) -> Iterator[tuple[bytes, bool]]:
        """Yield every line and whether it is the last."""
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            for line in file:
                yield line, file.tell() >= size


class _SnapshotWriter(threading.Thread):
    """Writes a snapshot down while work goes on; `lines` are the turns that come meanwhile."""

    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__(name="snapshot", daemon=True)
        self.path = path
        self.lines: list[bytes] = []
        self._data = data
        self._error: OSError | None = None

    def run(self) -> None:
        try:
            self._write("wb", self._data)
        except OSError as error:
            self._error = error

    def finish(self) -> None:
        """Wait for the disk and add what came meanwhile; raises OSError."""
        self.join()
        if self._error is not None:
            raise self._error
        self._write("ab", b"".join(self.lines))

    def _write(self, mode: str, data: bytes) -> None:
        with self.path.open(mode) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _locked(path: Path) -> IO[str]:
    """Return the open lock file; raises BlockingIOError if another process holds it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file
