"""Requests as this project takes them: their text is UTF-8, and those of the API skip what is for pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

API = "/api/v1/"
#: Under the API's paths, but read by people.
PAGES = ("/api/v1/docs",)


class Utf8Request(WSGIRequest):
    """A request whose query is read as UTF-8, whatever charset its Content-Type claims.

    Django would decode the query by that charset, before anything could answer: a codec that is none of
    text ("hex") then ends in a 500 without a body.
    """

    @property
    def encoding(self) -> None:
        """None: the default, which is UTF-8."""
        return

    @encoding.setter
    def encoding(self, _: str) -> None:
        """What the Content-Type claims concerns the body, and whoever parses it."""


class Handler(WSGIHandler):
    """Django's handler for such requests."""

    request_class = Utf8Request


class ApiHandler(Handler):
    """The same for the API: sessions, messages, zones and the like would make a sixth of a request's cost."""

    def load_middleware(self, is_async: bool = False) -> None:
        """As Django does, with those of the setting API_MIDDLEWARE."""
        of_pages, settings.MIDDLEWARE = settings.MIDDLEWARE, settings.API_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = of_pages


class Entrance:
    """The WSGI application: pages and the API, each with what it needs."""

    def __init__(self) -> None:
        self._pages, self._api = Handler(), ApiHandler()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        handler = self._api if path.startswith(API) and path not in PAGES else self._pages
        return handler(environ, start_response)
