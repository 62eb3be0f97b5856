"""A request's turn to be worked, and its body: in chunks, which Django would take as empty, unread, or slow.

The server's own `read` waits for its client as long as that likes, and cannot be interrupted. So threads of
their own read; whoever wants the body waits for them no longer than it may, and without its turn: as many
requests are worked at once as there are turns, however many wait for slow clients. A reader that is waited
for no more comes back when the connection is closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from io import BytesIO
from queue import SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections

from orders.api.problems import Problem, problem_response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds for which a body is waited for without letting others work meanwhile: it came with its head.
AT_ONCE = 0.05
#: So many slow bodies are waited for; a thread of the server is held by each, and others must be left.
MOST_SLOW = 32
TOO_SLOW = "The body did not arrive in time; nothing was done. Send it again."
#: Seconds between an answer and the end of its connection.
LINGER = 0.05
#: Asks for nothing that others could hold: it is answered whatever else waits.
ALWAYS = ("/healthz",)
Read = Callable[[int], bytes]


class BodyTooSlow(TimeoutError):
    """The body was not there in time."""


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


class BodyReaders:
    """The threads that read: as many as there are reads at once, kept for the next ones."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[bytes], Read, int]] = SimpleQueue()
        self._count = Lock()
        self._idle = 0  # threads that wait for a read
        self._slow = 0  # reads that are waited for with patience

    def begin(self, read: Read, size: int) -> Future[bytes]:
        """Have it read."""
        reading: Future[bytes] = Future()
        with self._count:
            self._idle -= 1
            if another := self._idle < 0:
                self._idle += 1  # it is the new thread's
        self._waiting.put((reading, read, size))
        if another:
            Thread(target=self._run, name="body-reader", daemon=True).start()
        return reading

    def finish(self, reading: Future[bytes], until: float) -> bytes:
        """Wait for a slow one until this moment (monotonic), but not at all while too many are slow.

        Raises TimeoutError.
        """
        with self._count:
            self._slow += 1
            patience = until - time.monotonic() if self._slow <= MOST_SLOW else 0.0
        try:
            return reading.result(patience)
        finally:
            with self._count:
                self._slow -= 1

    def _run(self) -> None:
        while True:
            reading, read, size = self._waiting.get()
            try:
                reading.set_result(read(size))
            except BaseException as error:
                reading.set_exception(error)
            with self._count:
                self._idle += 1


class TimedBody:
    """A body that knows how much of it was read, and that has to be there in time."""

    def __init__(self, stream: Any, length: int | None, readers: BodyReaders, turn: Turn) -> None:
        self._stream, self._readers, self._turn = stream, readers, turn
        self._left = length  # None: in chunks, it ends where it ends
        self._until: float | None = None
        self.ended = length == 0
        self.late = False

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end. Raises BodyTooSlow."""
        return b"" if self.ended else self._in_time(self._stream.read, size, least=size)

    def readline(self, size: int = -1) -> bytes:
        """A line of it. Raises BodyTooSlow."""
        return self._in_time(self._stream.readline, size, least=1)

    def _in_time(self, read: Read, size: int, *, least: int) -> bytes:
        """Fewer bytes than `least` are the last ones; a `least` below zero is all of them.

        Whoever waits for a slow body has given back its turn and its connection of the database.
        """
        now = time.monotonic()
        self._until = self._until or now + settings.BODY_TIME
        try:
            reading = self._readers.begin(read, size)
            try:
                data = reading.result(min(self._until - now, AT_ONCE))
            except TimeoutError:
                with self._turn.given_back():
                    close_connections()
                    data = self._readers.finish(reading, self._until)
        except TimeoutError:
            self.late = True
            raise BodyTooSlow("the body was not there in time") from None
        if self._left is not None:
            self._left -= len(data)
        self.ended = self.ended or self._left == 0 or len(data) < least or least < 0
        return data


def close_connections() -> None:
    """Give this thread's connections back to the pool; a query after this takes one anew."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def with_bodies(
    application: WSGIApplication, limit: int, lazy: str, turns: SimpleQueue[None]
) -> WSGIApplication:
    """The application, given bodies in chunked transfer coding (RFC 9112, 7.1) with a length.

    Under the path `lazy` the length is `limit` + 1, and who asks is known before anything is read; elsewhere
    so much is read at once: a body that is longer is still longer for whoever looks next. An answer to a
    request whose body was not read to its end says that the connection is closed (RFC 9112, 9.6). A body
    that takes too long is answered with 408.
    """
    readers = BodyReaders()

    def measured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if body.late:
                return None  # what the application makes of it
            closing = [] if body.ended else [("Connection", "close")]
            return start_response(status, [*headers, *closing], *more)

        path = environ.get("PATH_INFO", "")
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        # The server has refused a length that is no number.
        length = None if chunked else int(environ.get("CONTENT_LENGTH") or 0)
        with Turn(path, turns) as turn:
            environ["wsgi.input"] = body = TimedBody(environ["wsgi.input"], length, readers, turn)
            if chunked:
                environ["CONTENT_LENGTH"] = str(limit + 1)
                if not path.startswith(lazy):
                    with suppress(BodyTooSlow):
                        found = body.read(limit + 1)
                        environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(found), str(len(found))
            answered = application(environ, start)
            if getattr(answered, "streaming", False) and not body.late:
                answered = turn.held_by(answered)
        return late_answer(start_response) if body.late else answered

    return measured


def late_answer(start_response: StartResponse) -> Iterator[bytes]:
    """408, and the end of the connection with the reader that still waits for the rest of the body.

    A whole answer would leave both open for as long as the client likes. This one names one byte more than
    it has, so the server has to close the connection after it.
    """
    problem = problem_response(Problem("BODY_TOO_SLOW", TOO_SLOW))
    headers = [*problem.items(), ("Content-Length", str(len(problem.content) + 1)), ("Connection", "close")]
    start_response("408 Request Timeout", headers)

    def sent() -> Iterator[bytes]:
        yield problem.content
        time.sleep(LINGER)  # it is on its way before the connection goes

    return sent()
