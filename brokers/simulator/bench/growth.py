"""What one more order costs, in time and memory, when many rest in the book already."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

from brokers.simulator.bench.process import GatewayProcess
from brokers.simulator.bench.speed import percentiles
from brokers.simulator.bench.wire import RawClient, client_frame, order_frame, order_tail, round_trip
from brokers.simulator.wire import client as requests

#: Resting bids are spread over this many prices, one cent apart, far below the market.
_PRICES, _HIGHEST = 1_000, Decimal("150.00")
_WINDOW = 64


class GrowthBench:
    """One gateway that is filled up step by step."""

    def __init__(self, folder: Path, samples: int) -> None:
        self.gateway = GatewayProcess(folder)
        self.gateway.start()
        self.samples = samples
        self.client, self.other = RawClient(self.gateway.port), RawClient(self.gateway.port, 2)
        self.resting = 0
        self._tails = [
            order_tail(order_type="LMT", tif="GTC", lmt_price=_HIGHEST - Decimal(cents) / 100)
            for cents in range(_PRICES)
        ]
        self._market = order_tail()

    def fill_up(self, resting: int) -> dict[str, Any]:
        """Rest orders until there are `resting`; return how fast that went."""
        more = resting - self.resting
        if more <= 0:
            return {}
        seconds, each = self._work(self._resting_frames(more), b"Submitted", _WINDOW)
        self.resting = resting
        # The longest wait shows what a snapshot of the journal costs those who come at that moment.
        return {"rested_per_second": round(more / seconds), "longest_wait_ms": percentiles(each)["max"]}

    def measure(self) -> dict[str, Any]:
        """Measure one order at a time, and the answers that list or write down everything."""
        rest = self._resting_frames(self.samples)
        return {
            "resting": self.resting,
            "place_ms": percentiles(self._work(rest, b"Submitted", 1)[1]),
            "cancel_ms": percentiles(self._work(self._cancels(rest), b"Cancelled", 1)[1]),
            "match_ms": percentiles(self._work(self._market_frames(), b"Filled", 1)[1]),
            "open_orders_seconds": self._timed(self._ask_open_orders),
            "time_asked_meanwhile_ms": self._ask_the_time_meanwhile(),
            "control_healthz_ms": self._timed(lambda: self.gateway.get("/healthz"), 1_000),
            "control_orders_seconds": self._timed(lambda: self.gateway.get("/orders")),
            "memory_mb": round(self.gateway.memory() / 1e6, 1),
            "journal_mb": round(self.gateway.journal_bytes() / 1e6, 1),
        }

    def restart(self) -> dict[str, float]:
        """Kill the gateway and start it again from its journal; return how long that took."""
        self.client.close()
        self.other.close()
        self.gateway.kill()
        seconds = self.gateway.start()
        self.client = RawClient(self.gateway.port)
        memory = round(self.gateway.memory() / 1e6, 1)
        return {"seconds": round(seconds, 2), "memory_mb": memory, "open_orders": self._ask_open_orders()}

    def _resting_frames(self, count: int) -> dict[int, bytes]:
        return {
            number: order_frame(number, self._tails[number % _PRICES])
            for number in self.client.take_ids(count)
        }

    def _market_frames(self) -> dict[int, bytes]:
        return {number: order_frame(number, self._market) for number in self.client.take_ids(self.samples)}

    def _cancels(self, placed: dict[int, bytes]) -> dict[int, bytes]:
        return {number: client_frame(requests.CancelOrder(order_id=number)) for number in placed}

    def _work(self, frames: dict[int, bytes], status: bytes, window: int) -> tuple[float, list[float]]:
        return self.client.work(frames, status, window)

    def _ask_open_orders(self) -> int:
        """Ask for the open orders and read them all; return how many there are."""
        before = self.client.frames_read
        self.client.send(requests.ReqOpenOrders())
        self.client.until(lambda frame: frame.startswith(b"53\0"))
        return (self.client.frames_read - before) // 2

    def _ask_the_time_meanwhile(self) -> float:
        """Ask for the open orders; return how long another client waits for an answer then."""
        self.client.send(requests.ReqOpenOrders())
        self.other.send(requests.ReqCurrentTime())
        waited = self._timed(lambda: self.other.until(lambda frame: frame.startswith(b"49\0")), 1_000)
        self.client.until(lambda frame: frame.startswith(b"53\0"))
        return waited

    @staticmethod
    def _timed(work: Callable[[], object], scale: float = 1) -> float:
        began = perf_counter()
        work()
        return round((perf_counter() - began) * scale, 3)


def measure(steps: list[int], samples: int) -> dict[str, Any]:
    """Return what orders cost at each number of resting ones, memory per order, and a restart with all."""
    with tempfile.TemporaryDirectory() as folder:
        bench = GrowthBench(Path(folder), samples)
        try:
            empty = bench.gateway.memory()
            measurements = [bench.fill_up(step) | bench.measure() for step in steps]
            most = bench.gateway.memory()
            restart = bench.restart()
        finally:
            bench.gateway.kill()
    first, last = measurements[0], measurements[-1]
    return {
        "steps": measurements,
        "slowdown_p50": {
            name: round(last[f"{name}_ms"]["p50"] / first[f"{name}_ms"]["p50"], 2)
            for name in ("place", "cancel", "match")
        },
        "bytes_per_resting_order": round((most - empty) / max(steps[-1], 1)),
        "after_restart": restart,
    }


def finished(orders: int) -> dict[str, Any]:
    """Return the memory that an order takes after it was filled."""
    with tempfile.TemporaryDirectory() as folder:
        gateway = GatewayProcess(Path(folder))
        gateway.start()
        try:
            client = RawClient(gateway.port)
            before = gateway.memory()
            client.work(round_trip(client.take_ids(orders)), b"Filled", _WINDOW)
            grown = gateway.memory() - before
            return {"orders": orders, "bytes_per_filled_order": round(grown / orders)}
        finally:
            gateway.kill()
