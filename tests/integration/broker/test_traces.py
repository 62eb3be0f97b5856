"""The trace of an order at a collector: from the HTTP request to the broker's execution ids."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from brokers.models import BrokerAccount
from orders.controls.persons.tokens import make_token
from orders.models import Order, Scope, State
from orders.notify import tracing
from orders.session.runtime import SessionRuntime
from tests.integration.api.conftest import ACCOUNT, Api, body
from tests.integration.broker.conftest import Desk
from tradedesk.stack.polling import eventually


class Collector(ThreadingHTTPServer):
    """An OpenTelemetry collector on loopback: OTLP over HTTP, protobuf. One that is `stuck` never answers."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Span] = []
        self.stuck = Event()
        self.over = Event()


class Receiver(BaseHTTPRequestHandler):
    """One export."""

    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.stuck.is_set():
            self.server.over.wait(60)
            return
        told = gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content
        for resource in ExportTraceServiceRequest.FromString(told).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def collector(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings.OTLP_ENDPOINT = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", settings.OTLP_ENDPOINT)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")  # milliseconds
        tracing.tracer.cache_clear()
        yield server
        server.stuck.clear()
        server.over.set()
        tracing.tracer().span_processor.shutdown()  # type: ignore[attr-defined]
        tracing.tracer.cache_clear()
        server.shutdown()


def posted(name: str) -> Order:
    """A market order by HTTP."""
    raw = make_token("tracer", accounts=list(BrokerAccount.objects.all()), scopes=[Scope.READ, Scope.TRADE])
    order = {**body(name), "ord_type": "MARKET", "account": ACCOUNT}
    del order["price"]
    answer = Api(raw).post("orders", order)
    assert answer.status_code == 201, answer.content
    return Order.objects.get(pk=answer.json()["id"])


def test_a_collector_gets_one_trace_from_the_request_to_the_execution_ids(
    desk: Desk, collector: Collector, runtime: SessionRuntime
) -> None:
    order = desk.wait(posted("traced"), State.COMPLETED)
    eventually(lambda: any(span.name == "order" for span in collector.spans))
    spans = [span for span in collector.spans if span.trace_id == order.id.bytes]
    (root,) = [span for span in spans if not span.parent_span_id]
    assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
    assert {"POST /api/v1/orders", "send", "wait for acknowledgement"} <= {span.name for span in spans}
    told = {a.value.string_value for span in spans for a in span.attributes if a.key == "exec_id"}
    assert told == set(order.executions.values_list("exec_id", flat=True))


def test_a_collector_that_never_answers_holds_up_no_order(
    desk: Desk, collector: Collector, runtime: SessionRuntime
) -> None:
    collector.stuck.set()
    for number in range(3):
        desk.wait(desk.place(cl_ord_id=f"S{number}"), State.COMPLETED)
    assert collector.spans == []
