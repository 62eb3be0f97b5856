"""Text of one wire field <-> Python value.

Server text must survive decode and encode unchanged ("0" and "0.0" are different answers of a real
gateway), so numbers stay `Decimal`, which keeps its exponent. Clients write "not set" in several ways
(empty, the largest double, its negative, the largest int); those are folded into `None` on the way in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

#: What the protocol sends for "no value" in a double and in an int field.
UNSET_DOUBLE = Decimal("1.7976931348623157E308")
UNSET_INT = LARGEST_INT = 2147483647
LARGEST_LONG = 9223372036854775807
_is_number = re.compile(
    r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})? *|[+-]?Infinity"
).fullmatch
_is_integer = re.compile(r"[+-]?[0-9]{1,19}").fullmatch
_UNSET_DOUBLE_TEXT = "1.7976931348623157E308"
# C# and Python clients print the largest double with fewer digits or a lower-case e.
_UNSET_FROM = Decimal("1.797E308")


class WireError(ValueError):
    """A frame or a field cannot be read under the layout of its message and version."""


class ValueCodec(NamedTuple):
    """How one kind of field is written (`encode`) and read (`decode`)."""

    name: str
    encode: Callable[[Any], str]
    decode: Callable[[str], Any]


def _encode_text(value: str | None) -> str:
    return value or ""


def _encode_optional(value: object) -> str:
    return "" if value is None else str(value)


def encode_number(value: Decimal | None) -> str:
    """Write a number without exponent, except the unset double, as Java prints it."""
    if value is None:
        return ""
    text = str(value)
    if "E" in text:
        return _UNSET_DOUBLE_TEXT if value == UNSET_DOUBLE else format(value, "f")
    return text


def _encode_whole(value: Decimal | None) -> str:
    return "" if value is None else str(int(value))


def _encode_flag(value: bool | None) -> str:
    return "1" if value else "0" if value is not None else ""


def _decode_number(text: str) -> Decimal | None:
    """Read what Java reads: Python would take `1_000`, other scripts' digits, `inf` and any exponent too."""
    if not text:
        return None
    if not _is_number(text):
        raise WireError(f"number expected, got {text[:40]!r}")
    return Decimal(text)


def _decode_integer(text: str, largest: int = LARGEST_LONG) -> int | None:
    """Read what Java reads: Python would take `1_000`, spaces and any number of digits too."""
    if not text:
        return None
    if not _is_integer(text) or not -largest - 1 <= int(text) <= largest:
        raise WireError(f"integer expected, got {text[:40]!r}")
    return int(text)


def _decode_flag(text: str) -> bool | None:
    if not text:
        return None
    if text in ("0", "1"):
        return text == "1"
    raise WireError(f"0 or 1 expected, got {text!r}")


def _decode_client_number(text: str) -> Decimal | None:
    value = _decode_number(text)
    return None if value is None or abs(value) >= _UNSET_FROM else value


def _decode_client_integer(text: str) -> int | None:
    value = _decode_integer(text)
    return None if value == UNSET_INT else value


def _decode_client_flag(text: str) -> bool:
    return bool(_decode_flag(text))


def _decode_required(text: str, largest: int = LARGEST_INT) -> int:
    value = _decode_integer(text, largest)
    if value is None:
        raise WireError("integer expected, got nothing")
    return value


def _escape(value: str | None) -> str:
    """Text from the server is ASCII with escapes since version 153."""
    if not value:
        return ""
    return value if value.isascii() else value.encode("ascii", "backslashreplace").decode("ascii")


TEXT = ValueCodec("text", _encode_text, str)
ESCAPED = ValueCodec("escaped", _escape, str)
ID = ValueCodec("id", str, _decode_required)
#: A perm id or a time: more than 32 bits are possible.
LONG = ValueCodec("long", str, partial(_decode_required, largest=LARGEST_LONG))
INTEGER = ValueCodec("integer", _encode_optional, _decode_integer)
NUMBER = ValueCodec("number", encode_number, _decode_number)
#: Sizes before fractional ones existed: what is left of a whole is not sent.
WHOLE = ValueCodec("whole", _encode_whole, _decode_number)
FLAG = ValueCodec("flag", _encode_flag, _decode_flag)
CLIENT_INTEGER = ValueCodec("client integer", _encode_optional, _decode_client_integer)
CLIENT_NUMBER = ValueCodec("client number", encode_number, _decode_client_number)
CLIENT_FLAG = ValueCodec("client flag", _encode_flag, _decode_client_flag)
