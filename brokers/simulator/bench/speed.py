"""Orders per second from placeOrder to Filled, through the wire, by one client."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from brokers.simulator.bench.process import EchoProcess, GatewayProcess
from brokers.simulator.bench.wire import RawClient, round_trip

#: Orders on their way at once, and those sent before anything is measured.
WINDOW = 64
_WARM_UP = 500


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p99 and the largest, in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    places = {"p50": last // 2, "p99": int(last * 0.99), "max": last}
    return {name: round(ordered[place] * 1_000, 3) for name, place in places.items()}


def _round(client: RawClient, count: int) -> tuple[float, list[float]]:
    return client.work(round_trip(client.take_ids(count)), b"Filled", WINDOW)


def measure(orders: int, rounds: int) -> dict[str, Any]:
    """Return rates and latencies of `rounds` rounds, each beside a bare echo of the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        gateway = GatewayProcess(Path(folder))
        gateway.start()
        echo = None
        try:
            client = RawClient(gateway.port)
            _round(client, _WARM_UP)
            before = client.bytes_read
            _round(client, _WARM_UP)
            per_order = (client.bytes_read - before) // _WARM_UP
            echo = EchoProcess(per_order)
            echo.wait()
            used = gateway.cpu_seconds()
            report = _compare(client, RawClient(echo.port), orders, rounds)
            # Unlike rates, this says the same on a busy machine.
            cpu = (gateway.cpu_seconds() - used) / (orders * rounds)
            return report | {"gateway_cpu_us_per_order": round(cpu * 1e6), "bytes_per_order": per_order}
        finally:
            gateway.kill()
            if echo is not None:
                echo.stop()


def _compare(client: RawClient, echo: RawClient, orders: int, rounds: int) -> dict[str, Any]:
    rates, echoes, took = [], [], []
    for _ in range(rounds):
        seconds, each = _round(client, orders)
        rates.append(orders / seconds)
        took += each
        seconds, _ = _round(echo, orders)
        echoes.append(orders / seconds)
    return {
        "orders": orders * rounds,
        "window": WINDOW,
        "filled_per_second": round(median(rates)),
        "filled_per_second_best": round(max(rates)),
        "echo_per_second": round(median(echoes)),
        "share_of_echo": round(median(rates) / median(echoes), 3),
        "latency_ms": percentiles(took),
    }
