"""The gateway's own connection to IB: while it is lost, orders wait here and reports wait at the links."""

from __future__ import annotations

from collections.abc import Callable

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.texts import refusals
from brokers.simulator.gateway.texts.notices import system_notice
from brokers.simulator.wire.client import CancelOrder, ReqGlobalCancel
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Record

Serve = Callable[[Link, Record], None]


class Uplink:
    """Up or lost. `outages` counts how often it was lost."""

    def __init__(self, links: list[Link], serve: Serve) -> None:
        self._links = links
        self._serve = serve
        self._waiting: list[tuple[Link, Record]] = []
        self._code = refusals.LINK_LOST.code
        self._keeps_orders = True
        self.is_up = True
        self.outages = 0

    def lose(self, code: int = refusals.LINK_LOST.code, *, keeps_orders: bool = True) -> None:
        """Lose the connection: orders wait or, if the gateway does not keep them, are gone."""
        if not self.is_up:
            return
        self.is_up = False
        self.outages += 1
        self._code, self._keeps_orders = code, keeps_orders
        for link in self._links:
            link.error(-1, *system_notice(code))
            link.withheld = []

    def restore(self, *, data_lost: bool = False) -> None:
        """Bring it back: first what was withheld, then what waited."""
        if self.is_up:
            return
        self.is_up = True
        for link in self._links:
            link.error(-1, *(refusals.LINK_BACK_DATA_LOST if data_lost else refusals.LINK_BACK))
            link.release()
        waiting, self._waiting = self._waiting, []
        for link, message in waiting:
            self._serve(link, message)

    def greet(self, link: Link) -> None:
        """Notify a new client if the connection is lost."""
        if not self.is_up:
            link.error(-1, *system_notice(self._code))
            link.withheld = []

    def holds(self, link: Link, message: Record) -> bool:
        """Whether a request cannot be served before the connection is back; if so it was taken care of."""
        if self.is_up or not isinstance(message, (PlaceOrder, CancelOrder, ReqGlobalCancel)):
            return False
        # "Maintain and resubmit orders when connection is restored": kept here, lost with this process.
        if self._keeps_orders:
            self._waiting.append((link, message))
        return True

    def forget(self, link: Link) -> None:
        """Drop what a client that has gone was waiting for."""
        self._waiting = [entry for entry in self._waiting if entry[0] is not link]

    def reset(self) -> None:
        """Be up, as after a restart: nothing waits."""
        self.is_up = True
        self._waiting.clear()
        for link in self._links:
            link.withheld = None
