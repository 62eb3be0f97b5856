"""Addresses with a zero byte: PostgreSQL keeps none in a text, so nothing is found by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.core.exceptions import BadRequest

from tradedesk.http.failures import of_api

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase


def refuse_zeros(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Django middleware for pages: their filters and ids go to the database as they come."""

    def refused(request: HttpRequest) -> HttpResponseBase:
        holds_one = "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")
        if holds_one and not of_api(request):
            raise BadRequest("zero byte")
        return get_response(request)

    return refused
