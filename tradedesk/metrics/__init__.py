"""/metrics for Prometheus, read from PostgreSQL at each scrape: right with any number of processes.

Every query stays cheap however many orders are stored: open orders, outbox and inbox have partial
indexes, and what is counted by time starts at a primary key, because ids of orders hold their time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from tradedesk.metrics import families, hops, threads, trading, workers
from tradedesk.metrics.make import gauge

log = logging.getLogger(__name__)


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics; a database that is away is itself a metric."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DeskCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def stream_metrics(readers: int) -> HttpResponse:
    """The metrics of a stream process: what only it knows."""
    registry = CollectorRegistry(auto_describe=False)
    Gauge("tradedesk_stream_readers", "Readers that this process streams to.", registry=registry).set(readers)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class DeskCollector(Collector):
    """Collects everything of one scrape."""

    def collect(self) -> Iterator[Metric]:
        """All families, or only `tradedesk_database_up 0`."""
        try:
            rooms = (families, trading, workers, threads, hops)
            found = [metric for room in rooms for metric in room.collect()]
        except Error as error:
            log.warning("metrics not read", extra={"error": str(error)})
            found = []
        yield gauge("tradedesk_database_up", "Whether PostgreSQL answers.", [((), 1 if found else 0)])
        yield from found
