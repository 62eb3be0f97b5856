"""The JSON body: strict (RFC 8259), bounded, and without a float between the text and the Decimal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

from orders.api.problems import Problem
from orders.entry.reading.fields import Number, printable


class StrictJSONParser(BaseParser):
    """Parses a body of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes; numbers stay text."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The document; raises Problem 413 for a long body, 415 for another charset or a compressed one and
        400 for what is not strict JSON."""
        request = (parser_context or {})["request"]
        _, said = parse_header_parameters(media_type or "")
        if not is_utf8(said):
            raise Problem("UNSUPPORTED_MEDIA_TYPE", f"JSON is UTF-8, not {printable(said['charset'])}.")
        # A few compressed bytes could be gigabytes (RFC 9110, 15.5.16).
        coding = request.headers.get("Content-Encoding", "")
        if coding.strip().lower() not in ("", "identity"):
            what = f"Bodies are sent as they are, not as {printable(coding)}."
            raise Problem("UNSUPPORTED_MEDIA_TYPE", what)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        # A body in chunks comes with the length limit + 1; a longer one need not be read.
        body = stream.read(limit + 1) if length <= limit + 1 else b""
        if length > limit + 1 or len(body) > limit:
            raise Problem("BODY_TOO_LARGE", f"A body may have at most {limit} bytes.")
        return loads(body)


def is_utf8(parameters: Mapping[str, Any]) -> bool:
    """Whether a media type with these parameters can be JSON, which has one charset (RFC 8259, 8.1)."""
    return parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def loads(body: bytes) -> Any:
    """Parse strict JSON; raises Problem 400 saying what is wrong."""
    try:
        return json.loads(
            body.decode(),
            parse_int=Number,
            parse_float=Number,
            parse_constant=refuse_constant,
            object_pairs_hook=unique,
        )
    except RecursionError:
        raise Problem("MALFORMED_REQUEST", "The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise Problem("MALFORMED_REQUEST", "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise Problem("MALFORMED_REQUEST", f"The body is not valid JSON: {error.msg} at {where}.") from None


def refuse_constant(name: str) -> NoReturn:
    """NaN and the infinities: Python would take them, JSON knows no such thing."""
    raise Problem("MALFORMED_REQUEST", f"The body is not valid JSON: {name} is not a number.")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; two members of one name are refused, because one of them would be ignored silently."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Problem("MALFORMED_REQUEST", f"The member {printable(twice)} is given twice.")
    return found
