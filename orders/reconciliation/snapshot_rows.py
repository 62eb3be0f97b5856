"""Rows of a snapshot as messages of the inbox: what each is about, and the key under which it counts once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar
from uuid import UUID

import msgspec

from brokers.messages import ExecutionsMissing, OrderAbsent, OrderReport, Snapshot
from brokers.port import InboundMessage
from brokers.rows import PART
from orders.booking.parked import SNAPSHOT_TOPIC

Row = OrderReport | OrderAbsent | ExecutionsMissing
T = TypeVar("T")


def message(snapshot: Snapshot, row: Row) -> InboundMessage:
    topic, event = topic_of(row), row
    if isinstance(row, OrderReport):
        event = msgspec.structs.replace(row, snapshot_at=snapshot.started_at)
    return InboundMessage(
        event=event,
        dedup_key=f"{topic}:{snapshot.snapshot_id}:{_variant(row)}",
        raw={"snapshot": snapshot.snapshot_id},
        received_at=snapshot.finished_at,
        topic=topic,
    )


def topic_of(row: Row) -> str:
    """What a row is about, the same in every snapshot, whatever else it says wrong."""
    if isinstance(row, OrderAbsent):
        return absence_topic(row.order_id)
    if isinstance(row, ExecutionsMissing):
        return f"{SNAPSHOT_TOPIC}unexplained:{row.order_id}"
    said = row.identity
    return f"{SNAPSHOT_TOPIC}{said.order_ref or said.perm_id or (said.client_id, said.broker_order_id)}"


def _variant(row: Row) -> str:
    """Tells rows of one snapshot about the same apart: two orders may have one reference."""
    return f"{row.identity.perm_id}:{row.source}" if isinstance(row, OrderReport) else ""


def absence_topic(order_id: str | UUID) -> str:
    return f"{SNAPSHOT_TOPIC}absent:{order_id}"


def parts(rows: Iterable[T]) -> Iterator[list[T]]:
    """A few rows at a time: what our books have of them is read for those only, however long the day was."""
    told = iter(rows)
    while part := list(islice(told, PART)):
        yield part
