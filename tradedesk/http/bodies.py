"""Bodies of requests: those in chunks, which Django would take as empty, unread ones, slow ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections

from orders.api.problems import Problem, problem_response
from tradedesk.http.body_readers import BodyReaders, BodyTooSlow
from tradedesk.http.turns import Turn, Turns

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds for which a body is waited for without letting others work meanwhile: it came with its head.
AT_ONCE = 0.05
TOO_SLOW = "The body did not arrive in time; nothing was done. Send it again."
#: Seconds between an answer and the end of its connection.
LINGER = 0.05


class TimedBody:
    """A body that knows how much of it was read, and that has to be there in time.

    Whoever waits for a slow one has given back its turn and its connection of the database.
    """

    def __init__(self, stream: Any, length: int | None, readers: BodyReaders, turn: Turn) -> None:
        self._stream, self._readers, self._turn = stream, readers, turn
        self._left = length  # None: in chunks, it ends where it ends
        self._until: float | None = None
        self.ended = length == 0
        self.late = False

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end. Raises BodyTooSlow."""
        if self.ended:
            return b""
        return self._counted(self._in_time(self._stream.read, size), size)

    def readline(self, size: int = -1) -> bytes:
        """A line of it. Raises BodyTooSlow."""
        return self._counted(self._in_time(self._stream.readline, size), 1)

    def _in_time(self, read: Callable[[int], bytes], size: int) -> bytes:
        now = time.monotonic()
        self._until = self._until or now + settings.BODY_TIME
        try:
            reading = self._readers.begin(read, size)
            if reading.wait(min(self._until - now, AT_ONCE)):
                return reading.result()
            with self._turn.given_back():
                close_connections()
                return self._readers.finish(reading, self._until)
        except BodyTooSlow:
            self.late = True
            raise

    def _counted(self, data: bytes, wanted: int) -> bytes:
        if self._left is not None:
            self._left -= len(data)
        self.ended = self.ended or self._left == 0 or len(data) < wanted or wanted < 0
        return data


def close_connections() -> None:
    """Give this thread's connections back to the pool; a query after this takes one anew."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def with_bodies(application: WSGIApplication, limit: int, lazy: str, turns: Turns) -> WSGIApplication:
    """The application, given bodies in chunked transfer coding (RFC 9112, 7.1) with a length.

    Under the path `lazy` the length is `limit` + 1, and who asks is known before anything is read; elsewhere
    so much is read at once: a body that is longer is still longer for whoever looks next. An answer to a
    request whose body was not read to its end says that the connection is closed (RFC 9112, 9.6). A body
    that takes too long is answered with 408.
    """
    readers = BodyReaders()

    def measured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        turn = turns.of(environ)
        body = TimedBody(environ["wsgi.input"], None if chunked else length_of(environ), readers, turn)
        environ["wsgi.input"] = body
        read_first = chunked and not environ.get("PATH_INFO", "").startswith(lazy)
        if chunked:
            environ["CONTENT_LENGTH"] = str(limit + 1)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if body.late:
                return None  # what the application makes of it
            closing = [] if body.ended else [("Connection", "close")]
            return start_response(status, [*headers, *closing], *more)

        def work() -> Iterable[bytes]:
            if read_first:
                with suppress(BodyTooSlow):
                    found = body.read(limit + 1)
                    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(found), str(len(found))
            return application(environ, start)

        answered = turn.during(work)
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


def length_of(environ: WSGIEnvironment) -> int:
    """The length that the request says; the server has refused one that is no number."""
    return int(environ.get("CONTENT_LENGTH") or 0)
