"""Rows of what the broker reports about accounts: the last word of each counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from django.db.models import Model

Row = TypeVar("Row", bound=Model)


def store_reported(
    model: type[Row], rows: Iterable[Row], unique: Sequence[str], figures: Sequence[str]
) -> None:
    """Store the `figures` of each row and when they were reported; of one that is told twice, the last."""
    last = {tuple(row.serializable_value(name) for name in unique): row for row in rows}
    model._default_manager.bulk_create(
        last.values(),
        update_conflicts=True,
        unique_fields=unique,
        update_fields=[*figures, "reported_at"],
    )
