"""Anything that a broker may say, in a form that PostgreSQL takes: any text, any number, a key of any length.

What a person reads is escaped or clipped; what identifies something is hashed where it is too long, so that
two long keys that begin alike stay two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any

import msgspec

from brokers.port import InboundMessage

KEY_LENGTH = 200  # of an inbox row
TEXT_LENGTH = 10_000  # of one text in a message that could not be stored as it was
BIGINT = 2**63 - 1
INT = 2**31 - 1
#: Of most columns: numeric(28, 10).
STEP = Decimal("1e-10")
LARGEST = Decimal(10**18) - 1


def text(value: str, length: int = TEXT_LENGTH) -> str:
    """Readable text without what PostgreSQL refuses: NUL, halves of surrogate pairs, more than fits."""
    if value.isascii() and "\0" not in value:  # nearly all of it
        return value[:length]
    if "\0" in value:
        value = value.replace("\0", "\\x00")
    return value.encode("utf-8", "backslashreplace").decode()[:length]


def key(value: str, length: int = KEY_LENGTH) -> str:
    """The same key for the same value; one that is too long keeps its beginning and ends in a hash."""
    if len(value) <= length and value.isprintable():
        return value
    clean = text(value, max(len(value) * 6, 1))
    if len(clean) <= length:
        return clean
    return f"{clean[: length - 17]}~{blake2b(clean.encode(), digest_size=8).hexdigest()}"


def shown(value: object, length: int = TEXT_LENGTH) -> str:
    """What Python shows of anything; its type where it cannot be shown (an int of 5,000 digits)."""
    try:
        return text(str(value), length)
    except Exception:
        return type(value).__name__


def number(value: Decimal | None, step: Decimal = STEP, largest: Decimal | int = LARGEST) -> Decimal | None:
    """The number as a column holds it; None for what no column holds: not finite, or too large."""
    if value is None or not value.is_finite() or abs(value) > largest:
        return None
    try:
        exponent, finest = value.as_tuple().exponent, step.as_tuple().exponent
        return value if exponent >= finest else value.quantize(step)  # type: ignore[operator]
    except InvalidOperation:
        return None


def whole(value: int, largest: int = BIGINT) -> int:
    """An identity of the broker; 0, which means not said, for one that no column holds."""
    return value if -largest <= value <= largest else 0


def plain(value: Any, depth: int = 20) -> Any:
    """Any value as JSON that PostgreSQL takes; what is nested deeper is text."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= BIGINT else hex(value)[:TEXT_LENGTH]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping) and depth:
        return {text(str(name)): plain(one, depth - 1) for name, one in value.items()}
    if isinstance(value, list | tuple) and depth:
        return [plain(one, depth - 1) for one in value]
    return shown(value)


def message(original: InboundMessage) -> InboundMessage:
    """The message in storable words, itself when it is in such already.

    Its event stays what it was where that cannot be said otherwise.
    """
    event = original.event
    said = msgspec.to_builtins(event), original.raw, original.dedup_key
    plainly = plain(said[0]), plain(original.raw), key(original.dedup_key)
    if plainly == said:
        return original
    with suppress(msgspec.ValidationError, ValueError, TypeError):
        event = msgspec.convert(plainly[0], type(event))
    return replace(original, event=event, raw=plainly[1], dedup_key=plainly[2])
