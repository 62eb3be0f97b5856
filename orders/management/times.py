"""Times as somebody types them at a shell."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """A time; UTC when it names no zone."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
