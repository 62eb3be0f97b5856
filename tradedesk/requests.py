"""Requests as this project takes them: their text is UTF-8."""

from __future__ import annotations

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


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
