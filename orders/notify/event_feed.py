"""What readers are told of an event, by stream and by webhook: what changed, not the numbers."""

from __future__ import annotations

from brokers.formats import time_text
from orders.selectors import FeedEvent


def notice(event: FeedEvent) -> dict[str, object]:
    """The notice of an event."""
    return {
        "order_id": str(event.order_id),
        "cl_ord_id": event.cl_ord_id,
        "account": event.account,
        "symbol": event.symbol,
        "version": event.version,
        "kind": event.kind,
        "state": event.state,
        "at": time_text(event.at),
    }
