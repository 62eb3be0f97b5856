"""Killed at any moment, the gateway still knows everything it has sent."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from brokers.simulator.bench.wire import RawClient, client_frame, order_frame, order_tail
from brokers.simulator.wire import client as requests
from tests.integration.simulator.process import SimulatedGateway

_TAILS = [
    order_tail(),
    order_tail(action="SELL"),
    order_tail(order_type="LMT", tif="GTC", lmt_price=Decimal(150)),
    order_tail(order_type="LMT", tif="IOC", lmt_price=Decimal(150)),
]
#: What a word of the gateway rules out for ever: an order that is done stays what it was.
_FINAL = {"Filled", "Cancelled"}


class Journaling(SimulatedGateway):
    """A gateway that replaces its journal by a snapshot all the time."""

    def command(self) -> list[str]:
        return [*super().command(), "--snapshot-above", "20000"]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[SimulatedGateway]:
    made = Journaling(tmp_path)
    made.start()
    yield made
    if made.is_running:
        made.end()


def received(client: RawClient) -> Iterator[tuple[int, str]]:
    """Wait for bytes and yield (order id, status) of every orderStatus among them."""
    for frame in client.frames():
        if frame.startswith(b"3\0"):
            _, order_id, status, _ = frame.split(b"\0", 3)
            yield int(order_id), status.decode()


def stream_until_killed(gateway: SimulatedGateway, random: Random) -> dict[int, str]:
    """Send orders and cancels until the gateway is killed somewhere; return the last word on each."""
    client = RawClient(gateway.port)
    statuses: dict[int, str] = {}
    enough = random.randint(5, 300)
    while len(statuses) < enough:
        ids = client.take_ids(random.randint(1, 40))
        batch = [order_frame(number, random.choice(_TAILS)) for number in ids]
        batch += [client_frame(requests.CancelOrder(order_id=number)) for number in random.sample(ids, 1)]
        client.send_bytes(b"".join(batch))
        statuses.update(received(client))
    client.send_bytes(b"".join(order_frame(number, _TAILS[2]) for number in client.take_ids(200)))
    gateway.end(signal.SIGKILL)
    try:
        while True:
            statuses.update(received(client))
    except ConnectionError:
        client.close()
    return statuses


def test_no_acknowledged_order_is_lost_whenever_it_is_killed(gateway: SimulatedGateway) -> None:
    random = Random(20261122)
    for _ in range(5):
        statuses = stream_until_killed(gateway, random)
        gateway.start()
        known = {row["order_id"]: row for row in gateway.get("/orders")}
        assert statuses.keys() <= known.keys()
        for order_id, status in statuses.items():
            if status in _FINAL:
                assert known[order_id]["status"] == status


def test_fills_and_positions_agree_after_every_kill(gateway: SimulatedGateway) -> None:
    random = Random(7)
    for _ in range(2):
        stream_until_killed(gateway, random)
        gateway.start()
        executions = gateway.get("/executions")
        bought = sum(Decimal(row["shares"]) * (1 if row["side"] == "BOT" else -1) for row in executions)
        (position,) = gateway.get("/positions")
        assert Decimal(position["position"]) == bought
        assert len({row["exec_id"] for row in executions}) == len(executions)
        filled = {row["order_id"]: Decimal(row["filled"]) for row in gateway.get("/orders")}
        assert sum(filled.values()) == sum(Decimal(row["shares"]) for row in executions)
