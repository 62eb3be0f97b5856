"""Times as somebody types them at a shell."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, date, datetime


def moment(text: str) -> datetime:
    """A time; UTC when it names no zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time, such as 2026-11-27T15:30:00Z.") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def day(text: str) -> date:
    """A day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day, such as 2026-11-27.") from None
