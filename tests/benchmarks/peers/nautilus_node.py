"""nautilus_trader's live node as its documentation has it, nothing stored: run by the peer's own Python.

Sends market orders one after the other and prints one JSON document: by client order id the epoch seconds of
the call and of the fill as the strategy is told it. Arguments: gateway port, account, count.
"""

from __future__ import annotations

import json
import sys
import time

from nautilus_trader.adapters.interactive_brokers.common import IB
from nautilus_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from nautilus_trader.adapters.interactive_brokers.factories import (
    InteractiveBrokersLiveDataClientFactory,
    InteractiveBrokersLiveExecClientFactory,
)
from nautilus_trader.config import LoggingConfig, RoutingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

PAUSE_NS = 30_000_000  # between a fill and the next order, as everybody here
INSTRUMENT = InstrumentId.from_str("AAPL.NASDAQ")


class OneByOne(Strategy):
    """The next order some moments after the one before was filled."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.called: dict[str, float] = {}
        self.filled: dict[str, float] = {}

    def on_start(self) -> None:
        self._next(None)

    def _next(self, event: object) -> None:
        if len(self.called) == self.count:
            print(json.dumps({"called": self.called, "filled": self.filled}), flush=True)
            self.shutdown_system("all orders are filled")
            return
        side = OrderSide.SELL if len(self.called) % 2 else OrderSide.BUY
        instrument = self.cache.instrument(INSTRUMENT)
        order = self.order_factory.market(INSTRUMENT, side, instrument.make_qty(1))
        self.called[order.client_order_id.value] = time.time()
        self.submit_order(order)

    def on_order_filled(self, event: object) -> None:
        name = event.client_order_id.value  # type: ignore[attr-defined]
        self.filled[name] = time.time()
        due = self.clock.timestamp_ns() + PAUSE_NS
        self.clock.set_time_alert_ns(f"next-{name}", due, self._next)


def main(port: int, account: str, count: int) -> None:
    """Run the node until all orders are filled."""
    provider = InteractiveBrokersInstrumentProviderConfig(load_ids=frozenset([str(INSTRUMENT)]))
    door = {"ibg_host": "127.0.0.1", "ibg_port": port, "ibg_client_id": 78, "instrument_provider": provider}
    config = TradingNodeConfig(
        logging=LoggingConfig(log_level="ERROR"),
        data_clients={IB: InteractiveBrokersDataClientConfig(**door)},
        exec_clients={
            IB: InteractiveBrokersExecClientConfig(
                **door, account_id=account, routing=RoutingConfig(default=True)
            )
        },
    )
    node = TradingNode(config=config)
    node.trader.add_strategy(OneByOne(count))
    node.add_data_client_factory(IB, InteractiveBrokersLiveDataClientFactory)
    node.add_exec_client_factory(IB, InteractiveBrokersLiveExecClientFactory)
    node.build()
    try:
        node.run()
    finally:
        node.dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
