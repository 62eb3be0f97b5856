"""What a client receives about its login: accounts, next order id, time; and what client 0 may set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from brokers.simulator.gateway.clients.accounts import LoggedIn
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts import refusals
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from brokers.simulator.wire.records import Record


class LoginService:
    """Greets clients and answers what concerns their connection."""

    def __init__(self, state: State, login: LoggedIn, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._login = login
        self._clock = clock

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {
            requests.ReqIds: self.next_valid_id,
            requests.ReqManagedAccts: self.managed_accounts,
            requests.ReqCurrentTime: self.current_time,
            requests.ReqCurrentTimeInMillis: self.current_time_in_millis,
            requests.ReqAutoOpenOrders: self.auto_open_orders,
            requests.SetServerLogLevel: lambda link, message: None,
        }

    def greet(self, link: Link) -> None:
        """Say what a gateway says to a client that has just come (tws-wire 1)."""
        self.managed_accounts(link)
        self.next_valid_id(link)
        for notice in refusals.FARM_NOTICES:
            link.error(-1, *notice)

    def managed_accounts(self, link: Link, message: requests.ReqManagedAccts | None = None) -> None:
        """Name the login's accounts."""
        link.send(responses.ManagedAccts(accounts=",".join(self._login.accounts)))

    def next_valid_id(self, link: Link, message: requests.ReqIds | None = None) -> None:
        """Say the lowest order id that is free; how many were asked for means nothing to real ones either."""
        assert link.client_id is not None  # noqa: S101
        link.send(responses.NextValidId(order_id=self._state.next_order_id(link.client_id)))

    def current_time(self, link: Link, message: requests.ReqCurrentTime) -> None:
        """Say what time it is."""
        link.send(responses.CurrentTime(epoch_seconds=int(self._clock().timestamp())))

    def current_time_in_millis(self, link: Link, message: requests.ReqCurrentTimeInMillis) -> None:
        """Say what time it is, to the millisecond."""
        link.send(responses.CurrentTimeInMillis(milliseconds=int(self._clock().timestamp() * 1000)))

    def auto_open_orders(self, link: Link, message: requests.ReqAutoOpenOrders) -> None:
        """Begin or end to bind orders made by hand to ids of client 0.

        Others get 327, the code that IB's own list of API messages has for just this.
        """
        if link.client_id:
            link.error(-1, *refusals.NOT_CLIENT_ZERO)
        else:
            link.auto_bind = bool(message.auto_bind)
