"""Foreign clients place the less common kinds of orders and read them back as they sent them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from brokers.simulator.bench.wire import RawClient, order_frame, order_tail
from tests.integration.simulator.official import OfficialClient, order, stock
from tests.integration.simulator.process import SimulatedGateway, until
from tests.integration.simulator.test_foreign_clients import LIBRARIES, connected, run

MSFT = 272093
#: Terms of orders that rest, far from the market or in the middle of it.
KINDS: list[dict[str, Any]] = [
    {"orderType": "PEG MKT", "auxPrice": 1.0},
    {"orderType": "PEG MID", "midOffsetAtWhole": 0.02, "midOffsetAtHalf": 0.01},
    {"orderType": "PEG BEST", "minCompeteSize": 100, "competeAgainstBestOffset": 0.0},
    {"orderType": "PASSV REL", "auxPrice": 0.5},
    {"orderType": "SNAP PRIM", "auxPrice": 0.0},
    {
        "orderType": "PEG BENCH",
        "startingPrice": 200.0,
        "referenceContractId": MSFT,
        "peggedChangeAmount": 0.5,
        "referenceChangeAmount": 1.0,
        "referenceExchangeId": "ISLAND",
    },
    {"orderType": "LMT", "lmtPrice": 200.0, "discretionaryAmt": 0.5},
    {
        "orderType": "LMT",
        "lmtPrice": 200.0,
        "scaleInitLevelSize": 10,
        "scaleSubsLevelSize": 5,
        "scalePriceIncrement": 0.5,
    },
    {
        "orderType": "STP",
        "auxPrice": 260.0,
        "adjustedOrderType": "TRAIL",
        "triggerPrice": 180.0,
        "adjustedTrailingAmount": 2.0,
    },
    {"orderType": "STP", "auxPrice": 260.0, "triggerMethod": 8},
    {"orderType": "LMT", "lmtPrice": 200.0, "cashQty": 5000.0, "totalQuantity": 0},
]
#: What a client of version 157 can say.
_OLD = [terms for terms in KINDS if terms["orderType"] not in ("PEG MID", "PEG BEST")]
#: Filled in by the gateway: whole shares for the cash, the benchmark's price of now.
_WORKED_OUT = {"totalQuantity": 25.0}


@pytest.fixture(autouse=True)
def _everything_is_understood(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.ERROR)
    yield
    assert [record.getMessage() for record in caplog.records if record.name.startswith(("ib", "root"))] == []


def differences(terms: dict[str, Any], echoed: Any) -> dict[str, Any]:
    """Return the terms that came back as something else."""
    wanted = terms | (_WORKED_OUT if "cashQty" in terms else {})
    return {name: getattr(echoed, name) for name, value in wanted.items() if getattr(echoed, name) != value}


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
def test_a_library_reads_its_orders_back(
    gateway: SimulatedGateway, library: ModuleType, version: int
) -> None:
    async def test() -> None:
        apple = library.Stock("AAPL", "SMART", "USD", conId=265598)
        # The older library cannot say the fields of the pegs that came after it.
        kinds = KINDS if library.__name__ == "ib_async" else _OLD
        async with connected(library, gateway) as ib:
            for terms in kinds:
                plain = {"action": "BUY", "totalQuantity": 25, "tif": "DAY"}
                ib.placeOrder(apple, library.Order(**(plain | terms)))
            await until(lambda: len(gateway.get("/orders")) == len(kinds))
        async with connected(library, gateway) as ib:
            trades = sorted(ib.openTrades(), key=lambda trade: trade.order.orderId)
            found = [differences(terms, trade.order) for terms, trade in zip(kinds, trades, strict=True)]
            assert found == [{}] * len(kinds)

    run(test)


def test_the_official_client_reads_its_orders_back(gateway: SimulatedGateway) -> None:
    client = OfficialClient()
    client.start(gateway.port, 5)
    first = client.received["nextValidId"][0][0]
    for number, terms in enumerate(_OLD, start=first):
        fields = {"totalQuantity": 25, **terms}
        quantity, order_type = fields.pop("totalQuantity"), fields.pop("orderType")
        client.placeOrder(number, stock(), order("BUY", quantity, order_type, **fields))
    client.wait(lambda: len({row[0] for row in client.received["openOrder"]}) == len(_OLD))
    client.stop()
    client.wait(lambda: not gateway.get("/healthz")["clients"])
    echoed = {row[0]: row[2] for row in client.received["openOrder"]}
    for number, terms in enumerate(_OLD, start=first):
        assert differences(terms, echoed[number]) == {}


def test_32_clients_trade_at_once_and_a_33rd_is_refused(gateway: SimulatedGateway) -> None:
    clients = [RawClient(gateway.port, number) for number in range(1, 33)]
    tail = order_tail()
    for client in clients:
        client.send_bytes(b"".join(order_frame(number, tail) for number in client.take_ids(3)))
    for client in clients:
        filled: set[int] = set()
        while len(filled) < 3:
            filled.update(client.statuses(b"Filled"))
    with pytest.raises(ConnectionError):
        RawClient(gateway.port, 33)
    assert len(gateway.get("/executions")) == 96
    for client in clients:
        client.close()
