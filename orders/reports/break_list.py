"""Breaks as rows of a file: what differs, what it is worth, how old it is and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.db.models import QuerySet

from brokers.formats import time_or_none, time_text
from brokers.postgres import clock
from orders.models import Break
from orders.reconciliation.ageing import age_of
from orders.reports.tables import Row

COLUMNS = (
    *("id", "kind", "account", "order_id", "text", "ours", "broker", "value", "first_seen", "last_seen"),
    *("age", "due_at", "owner", "closed_at", "closed_by", "cause", "ticket", "resolution"),
)


def rows_of(found: QuerySet[Break]) -> Iterator[Row]:
    """A row for each, in pieces of the query."""
    now = clock.now()
    for row in found.iterator(500):
        yield [
            *(row.pk, row.kind, row.account_id, str(row.order_id or ""), row.text),
            *(json.dumps(side, ensure_ascii=False) for side in (row.ours, row.broker)),
            *(row.value, time_text(row.first_seen), time_text(row.last_seen)),
            *(age_of(row.first_seen, row.closed_at or now), time_or_none(row.due_at)),
            *(row.owner.get_username() if row.owner else "", time_or_none(row.closed_at), row.closed_by),
            *(row.cause, row.ticket, row.resolution),
        ]
