"""What one process wrote down, read again: who was called on which thread, and inside whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """A call of or return from product code, or something seen at a border; `at` is monotonic nanoseconds."""

    kind: str
    thread: int
    at: int
    text: str

    @property
    def name(self) -> str:
        """The function's own name: of `brokers/ib/callbacks.py:80 Callbacks.openOrder` it is `openOrder`."""
        return self.text.rpartition(" ")[2].rpartition(".")[2]


class Trace:
    """All records of one process, in the order of time."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records = sorted(records, key=lambda record: record.at)

    @cached_property
    def by_thread(self) -> dict[int, list[Record]]:
        """The records of each thread."""
        found: dict[int, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.thread, []).append(record)
        return found

    def first(self, kind: str, begin: int, fits: Callable[[Record], bool] = lambda record: True) -> Record:
        """The first record of a kind from a moment on; raises LookupError."""
        for record in self.records:
            if record.at >= begin and record.kind == kind and fits(record):
                return record
        raise LookupError(f"nothing of kind {kind!r} was seen")

    def between(self, begin: int, end: int) -> list[Record]:
        """What happened on any thread in this time."""
        return [record for record in self.records if begin <= record.at <= end]

    def open_at(self, thread: int, moment: int) -> list[str]:
        """The functions that this thread is in the middle of, the outermost first."""
        stack: list[str] = []
        for record in self.by_thread.get(thread, ()):
            if record.at >= moment:
                break
            follow(stack, record)
        return stack


def follow(stack: list[str], record: Record) -> None:
    """Keep a thread's stack up to date; a return whose call came before the recording is left out."""
    if record.kind == "call":
        stack.append(record.text)
    elif record.kind == "return" and record.text in stack:
        while stack.pop() != record.text:
            pass


def inside(records: Sequence[Record], enters: Callable[[Record], bool]) -> Iterator[Record]:
    """The calls of one thread that `enters` chooses, and all that they call."""
    stack: list[str] = []
    for record in records:
        if stack or (record.kind == "call" and enters(record)):
            follow(stack, record)
            yield record


def read_trace(file: Path) -> Trace:
    """What the processes of this name wrote: granian's workers have a file each."""
    records = []
    for part in file.parent.glob(f"{file.name}.*"):
        for line in part.read_text().splitlines():
            kind, thread, at, text = line.split("\t", 3)
            records.append(Record(kind, int(thread), int(at), text))
    return Trace(records)
