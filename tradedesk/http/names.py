"""A name for each request: its log lines and its answer carry it, so both sides speak of the same one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
PLAIN = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
#: The name of the request that is being answered; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def name_requests(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Django middleware: the name is the caller's X-Request-ID if that is a plain one, else a new one."""

    def named(request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get(HEADER, "")
        name = sent if PLAIN.fullmatch(sent) else str(uuid.uuid4())
        token = request_id.set(name)
        try:
            answer = get_response(request)
        finally:
            request_id.reset(token)
        answer[HEADER] = name
        return answer

    return named
