"""Spans: one trace for each order, told when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orders.models import Execution, Order, State
from orders.notify import tracing

BEGAN = timezone.now()


def at(ms: int) -> datetime:
    return BEGAN + timedelta(milliseconds=ms)


class Listed(list[Any]):
    def order_by(self, *_: str) -> list[Any]:
        return self


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch, settings: Any) -> InMemorySpanExporter:
    """Where the spans go: tracing is on."""
    settings.OTLP_ENDPOINT = "http://127.0.0.1:1"
    exporter = InMemorySpanExporter()
    made = tracing.tracer_to(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", lambda: made)
    execution = Execution(exec_id="0001.02.01", last_qty=10, received_at=at(9))
    monkeypatch.setattr(Execution.objects, "filter", lambda **_: Listed([execution]))
    return exporter


def over(state: State = State.COMPLETED) -> Order:
    times = ("received", "recorded", "queued", "claimed", "sent", "acknowledged", "last_fill", "completed")
    moments = {f"{name}_at": at(number) for number, name in enumerate(times)}
    order = Order(cl_ord_id="t-1", order_ref="TDX", account_id="DU1", session_id="main", **moments)
    order.__dict__["state"], order.updated_at = state, at(10)
    return order


def spans(exporter: InMemorySpanExporter) -> dict[str, Any]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_trace_leads_from_the_request_to_the_execution_id(exported: InMemorySpanExporter) -> None:
    order = over()
    tracing.export(order)
    found = spans(exported)
    assert {span.context.trace_id for span in found.values()} == {order.id.int}
    assert {name for name, *_ in tracing.HOPS} <= set(found)
    assert found["execution"].attributes["exec_id"] == "0001.02.01"
    root = found.pop("order").context.span_id
    assert {span.parent.span_id for span in found.values()} == {root}


def test_a_hop_lasts_as_long_as_it_took(exported: InMemorySpanExporter) -> None:
    tracing.export(over())
    send = spans(exported)["send"]
    assert send.end_time - send.start_time == 1_000_000


def test_an_order_that_still_moves_is_not_exported(exported: InMemorySpanExporter) -> None:
    tracing.export(over(State.PENDING))
    assert spans(exported) == {}


def test_without_an_endpoint_nothing_is_even_imported(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OTLP_ENDPOINT = ""
    made: list[str] = []
    monkeypatch.setattr(tracing, "tracer", lambda: made.append("tracer"))
    tracing.export(over())
    assert made == []
