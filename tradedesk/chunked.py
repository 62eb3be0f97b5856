"""Bodies without a Content-Length, which Django would take as empty."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def with_chunked_bodies(application: WSGIApplication, limit: int) -> WSGIApplication:
    """The application, given bodies in chunked transfer coding (RFC 9112, 7.1) with their length.

    At most `limit` + 1 bytes are read: a body that is longer is still longer for whoever looks next.
    """

    def measured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = environ["wsgi.input"].read(limit + 1)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return application(environ, start_response)

    return measured
