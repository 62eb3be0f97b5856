"""Who receives which message about an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import Executed, OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import echo
from brokers.simulator.gateway.texts.home import HomeZone
from brokers.simulator.gateway.texts.refusals import Refusal
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import ErrMsg


class OrderPublisher:
    """Publishes what happens to an order to its owner and to the master client."""

    def __init__(self, state: State, home: HomeZone, owners: Callable[[int], Iterable[Link]]) -> None:
        self._state = state
        self._home = home
        self._owners = owners

    def publish(self, record: OrderRecord, *messages: Record) -> None:
        """Publish messages as they are."""
        for link in self._audience(record):
            for message in messages:
                link.publish(message)

    def publish_order(self, record: OrderRecord, *, with_commission: bool = False) -> None:
        """Publish the order as it stands: openOrder and orderStatus."""
        instrument = self._state.universe[record.con_id]
        self.publish(
            record,
            echo.open_order(record, instrument, with_commission=with_commission),
            echo.order_status(record),
        )

    def publish_execution(self, record: OrderRecord, fact: Executed) -> None:
        """Publish a fill, in the form that each link's version wants."""
        instrument = self._state.universe[fact.con_id]
        for link in self._audience(record):
            time = self._home.write(fact.at, link.version)
            link.publish(echo.execution_data(fact, record, instrument, -1, time))

    def publish_error(self, record: OrderRecord, refusal: Refusal) -> None:
        """Publish an error or a notice about the order."""
        self.publish(record, ErrMsg(req_id=record.order_id, code=refusal.code, text=refusal.text))

    def _audience(self, record: OrderRecord) -> Iterable[Link]:
        return self._owners(record.told_ids[0])
