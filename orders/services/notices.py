"""What readers are told of an event, by stream and by webhook: what changed, not the numbers."""

from __future__ import annotations

from brokers.formats import time_text
from orders.models import OrderEvent


def notice(event: OrderEvent) -> dict[str, object]:
    """The notice of an event; `order` must be loaded, with its instrument."""
    order = event.order
    return {
        "order_id": str(event.order_id),
        "cl_ord_id": order.cl_ord_id,
        "account": order.account_id,
        "symbol": order.instrument.symbol,
        "version": event.version,
        "kind": event.kind,
        "state": event.to_state,
        "at": time_text(event.at),
    }
