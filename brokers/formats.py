"""How values are written for programs: decimals as plain text, times in UTC with microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal


def decimal_text(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros: "100", "229.95", "0"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimal_or_none(value: Decimal | None) -> str | None:
    """The same for a value that may be missing."""
    return None if value is None else decimal_text(value)


#: What a spreadsheet takes for the start of a formula, also behind spaces.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def spreadsheet_text(text: str) -> str:
    """A text that a spreadsheet would run as a formula, quoted; any other as it is, a number too."""
    is_number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text, re.ASCII)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) and not is_number else text


def time_text(value: datetime) -> str:
    """ISO 8601 in UTC with microseconds: "2026-11-22T10:26:34.000001Z"."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def time_or_none(value: datetime | None) -> str | None:
    """The same for a time that may be missing."""
    return None if value is None else time_text(value)
