"""Turns: how many requests are worked at once, however many threads wait for the bodies of slow ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import TracebackType

#: Asks for nothing that others could hold: it is answered whatever else waits.
ALWAYS = ("/healthz",)


def make_turns(count: int) -> SimpleQueue[None]:
    """So many turns, all of them free."""
    free: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        free.put(None)
    return free


class Turn:
    """A request's right to be worked, as long as its `with` lasts."""

    def __init__(self, path: str, free: SimpleQueue[None]) -> None:
        self._free = None if path in ALWAYS else free
        self._held = False

    def __enter__(self) -> Turn:
        """Wait until one is free."""
        if self._free:
            self._free.get()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Let another request be worked."""
        if self._free and not self._held:
            self._free.put(None)

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """While this request waits for its client, others are worked."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def held_by(self, answer: Iterable[bytes]) -> HeldAnswer:
        """An answer that is made while it is sent: it keeps the turn until it is closed."""
        self._held = True
        return HeldAnswer(answer, self)

    def end(self) -> None:
        """The answer that held it is sent."""
        if self._held:
            self._held = False
            self.__exit__()


class HeldAnswer:
    """An answer whose turn ends with it."""

    def __init__(self, answer: Iterable[bytes], turn: Turn) -> None:
        self._answer, self._turn = answer, turn

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """The server calls it when all is sent, or when nobody listens any more."""
        self._turn.end()
        if close := getattr(self._answer, "close", None):
            close()
