"""Pages without the indentation of their templates: a third of their weight, no part of what they say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: Where spaces and lines are shown as they are.
KEPT = re.compile(rb"(<(pre|textarea)\b.*?</\2>)", re.DOTALL)
#: Beside a tag only, and never all of it: what an attribute holds stays, and words stay apart.
INDENTATION = re.compile(rb"(?<=>)[ \t]*\n\s+|\n\s+(?=<)")


def without_indentation(page: bytes) -> bytes:
    """The page, each line from its first sign."""
    parts = KEPT.split(page)  # text, what is kept, its tag; text ...
    parts[::3] = (INDENTATION.sub(b"\n", text) for text in parts[::3])
    del parts[2::3]
    return b"".join(parts)


def unindent(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware, for answers that are whole pages or parts of them."""

    def unindented(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        if not answer.streaming and answer.get("Content-Type", "").startswith("text/html"):
            answer.content = without_indentation(answer.content)
        return answer

    return unindented
