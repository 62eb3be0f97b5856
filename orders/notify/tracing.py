"""Spans of OpenTelemetry: one trace for each order, from the HTTP request to the broker's execution ids.

Told once, when the order is over, from the times that are stored anyhow: nothing is measured twice and
nothing of it is on the way of an order. Off, and without cost, unless OTEL_EXPORTER_OTLP_ENDPOINT is set. The
trace id is the order's own id, so log lines and traces are found by each other.
"""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from orders.models import Execution, Order, State

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

log = logging.getLogger(__name__)

#: After these no further span comes; COMPLETED follows FILLED.
ENDS = (State.COMPLETED, State.CANCELED, State.EXPIRED, State.REJECTED, State.FAILED)
#: Spans under the order's own: name, kind (OpenTelemetry's word), from which time to which.
HOPS = (
    ("POST /api/v1/orders", "SERVER", "received_at", "recorded_at"),
    ("wait for the broker worker", "CONSUMER", "queued_at", "claimed_at"),
    ("send", "PRODUCER", "claimed_at", "sent_at"),
    ("wait for acknowledgement", "CLIENT", "sent_at", "acknowledged_at"),
    ("work", "CLIENT", "acknowledged_at", "last_fill_at"),
    ("wait for commissions", "CONSUMER", "last_fill_at", "completed_at"),
)
#: Seconds for an export with its repeats: so long may a collector that is away hold up the end of a process.
EXPORT_LIMIT = float(os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") or 3)
_of_thread = threading.local()


def export(order: Order) -> None:
    """Export the spans of an order that is over; a failure is logged, never raised."""
    if not settings.OTLP_ENDPOINT or order.state not in ENDS:
        return
    try:
        _export(order, tracer())
    except Exception:
        log.exception("spans not exported", extra={"cl_ord_id": order.cl_ord_id})


@cache
def tracer() -> Tracer:
    """The process's tracer, exporting in batches from a thread of its own."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return tracer_to(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_LIMIT)))


def tracer_to(processor: SpanProcessor) -> Tracer:
    """A tracer whose trace ids are the ids of orders."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class TraceIds(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return int(_of_thread.trace_id)

    provider = TracerProvider(
        resource=Resource.create({"service.name": "tradedesk"}), id_generator=TraceIds()
    )
    provider.add_span_processor(processor)
    return provider.get_tracer("tradedesk")


def _export(order: Order, tracer: Tracer) -> None:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, set_span_in_context

    _of_thread.trace_id = order.id.int
    root = tracer.start_span(
        "order", Context(), start_time=_ns(order.received_at), attributes=_attributes(order)
    )
    inside = set_span_in_context(root, Context())
    for name, kind, begin, end in HOPS:
        began, ended = getattr(order, begin), getattr(order, end)
        if began and ended:
            span = tracer.start_span(name, inside, kind=SpanKind[kind], start_time=_ns(began))
            span.end(_ns(max(began, ended)))
    for execution in Execution.objects.filter(order_id=order.id).order_by("id"):
        facts = {"exec_id": execution.exec_id, "last_qty": str(execution.last_qty)}
        span = tracer.start_span("execution", inside, start_time=_ns(execution.received_at), attributes=facts)
        span.end(_ns(execution.received_at))
    root.end(_ns(order.updated_at))


def _attributes(order: Order) -> dict[str, Any]:
    return {
        "cl_ord_id": order.cl_ord_id,
        "order_ref": order.order_ref,
        "account": order.account_id,
        "session": order.session_id,
        "state": str(order.state),
        "reason": order.reason_code,
    }


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
