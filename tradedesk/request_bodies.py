"""Bodies of requests: those in chunks, which Django would take as empty, and those that nobody reads."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class CountedBody:
    """A body that knows how much of it was read."""

    def __init__(self, stream: Any, length: int | None) -> None:
        self._stream = stream
        self._left = length  # None: in chunks, it ends where it ends
        self.ended = length == 0

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end."""
        return self._counted(self._stream.read(size), size)

    def readline(self, size: int = -1) -> bytes:
        """A line of it."""
        return self._counted(self._stream.readline(size), 1)

    def _counted(self, data: bytes, wanted: int) -> bytes:
        if self._left is not None:
            self._left -= len(data)
        self.ended = self.ended or self._left == 0 or len(data) < wanted or wanted < 0
        return data


def with_bodies(application: WSGIApplication, limit: int, lazy: str) -> WSGIApplication:
    """The application, given bodies in chunked transfer coding (RFC 9112, 7.1) with a length.

    Under the path `lazy` the length is `limit` + 1, and who asks is known before anything is read; elsewhere
    so much is read at once: a body that is longer is still longer for whoever looks next. An answer to a
    request whose body was not read to its end says that the connection is closed (RFC 9112, 9.6).
    """

    def measured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        if chunked and not environ.get("PATH_INFO", "").startswith(lazy):
            read = environ["wsgi.input"].read(limit + 1)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(read), str(len(read))
            return application(environ, start_response)
        body = CountedBody(environ["wsgi.input"], None if chunked else length_of(environ))
        environ["wsgi.input"] = body
        if chunked:
            environ["CONTENT_LENGTH"] = str(limit + 1)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            closing = [] if body.ended else [("Connection", "close")]
            return start_response(status, [*headers, *closing], *more)

        return application(environ, start)

    return measured


def length_of(environ: WSGIEnvironment) -> int:
    """The length that the request says; the server has refused one that is no number."""
    return int(environ.get("CONTENT_LENGTH") or 0)
