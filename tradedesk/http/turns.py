"""Turns: how many requests are worked at once, however many threads wait for the bodies of slow ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Asks for nothing that others could hold: it is answered whatever else waits.
ALWAYS = ("/healthz",)


class Turn:
    """A request's right to be worked; `tokens` are those that are free, None where none is needed."""

    def __init__(self, tokens: SimpleQueue[None] | None) -> None:
        self._tokens = tokens

    def take(self) -> None:
        """Wait until one is free."""
        if self._tokens:
            self._tokens.get()

    def give_back(self) -> None:
        """Let another request be worked."""
        if self._tokens:
            self._tokens.put(None)

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """While this request waits for its client, others are worked."""
        self.give_back()
        try:
            yield
        finally:
            self.take()

    def during(self, work: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        """The answer of `work`; one that is made while it is sent keeps the turn until it is closed."""
        self.take()
        kept = False
        try:
            answer = work()
            if kept := getattr(answer, "streaming", False):
                answer = HeldAnswer(answer, self)
        finally:
            if not kept:
                self.give_back()
        return answer


class HeldAnswer:
    """An answer whose turn ends with it."""

    def __init__(self, answer: Iterable[bytes], turn: Turn) -> None:
        self._answer, self._turn, self._open = answer, turn, True

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """The server calls it when all is sent, or when nobody listens any more."""
        if self._open:
            self._open = False
            self._turn.give_back()
        if close := getattr(self._answer, "close", None):
            close()


class Turns:
    """So many requests are worked at once."""

    def __init__(self, count: int) -> None:
        self._tokens: SimpleQueue[None] = SimpleQueue()
        for _ in range(count):
            self._tokens.put(None)

    def of(self, environ: WSGIEnvironment) -> Turn:
        """The turn of this request."""
        return Turn(None if environ.get("PATH_INFO", "") in ALWAYS else self._tokens)
