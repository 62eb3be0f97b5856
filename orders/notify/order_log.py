"""The log's lines about orders: every one says which order, by all the names that it goes by.

The trace id is the order's own id: 128 bits, known to every process that meets the order, and the same that
its spans carry (`notify.tracing`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from orders.models import EventKind, Order, OrderEvent
from orders.notify import tracing

log = logging.getLogger("orders.events")


def write(orders: Mapping[UUID, Order], events: Iterable[OrderEvent]) -> None:
    """Write what these events say once they are committed: moves of state, and the hand-over."""
    moves = [
        event for event in events if event.from_state != event.to_state or event.kind == EventKind.HANDED_OVER
    ]
    lines: list[tuple[str, dict[str, Any]]] = []
    for event in moves:
        order = orders[event.order_id]
        facts = {
            "cl_ord_id": order.cl_ord_id,
            "order_ref": order.order_ref,
            "account": order.account_id,
            "trace_id": order.id.hex,
            "state": event.to_state,
            "actor": event.actor,
        }
        lines.append((str(event.kind), facts))
    if lines:
        over = [orders[event.order_id] for event in moves if event.to_state in tracing.ENDS]
        transaction.on_commit(lambda: _write(lines, over), robust=True)


def _write(lines: list[tuple[str, dict[str, Any]]], over: list[Order]) -> None:
    for kind, facts in lines:
        log.info(kind, extra=facts)
    for order in over:
        tracing.export(order)
