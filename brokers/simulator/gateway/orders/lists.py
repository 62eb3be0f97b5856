"""Lists of orders and executions on request: open, completed, executed today.

A list may be long: it is sent slice by slice, and what happens meanwhile is sent in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from brokers.simulator.gateway.clients.accounts import LoggedIn
from brokers.simulator.gateway.clients.link import Link, Step
from brokers.simulator.gateway.memory.facts import Executed, IdSeen, OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import echo
from brokers.simulator.gateway.texts.home import HomeZone
from brokers.simulator.gateway.texts.refusals import validation
from brokers.simulator.gateway.texts.times import parse_moment
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from brokers.simulator.wire.records import Record

#: Executions of so many days can be asked for at most.
MAX_DAYS = 7
_SIDES = {"BUY": "BUY", "BOT": "BUY", "SELL": "SELL", "SLD": "SELL"}


class OrderLists:
    """Answers with what the state has; nothing changes by asking.

    Real ones list nothing for some seconds after a login: `empty_after_login` says how long.
    """

    def __init__(
        self,
        state: State,
        clock: Callable[[], datetime],
        home: HomeZone,
        login: LoggedIn,
        machine_clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._clock = clock
        self._home = home
        self._login = login
        self._machine_clock = machine_clock
        self.empty_after_login = 0.0  # seconds

    def _is_empty(self, link: Link) -> bool:
        if not self.empty_after_login or link.logged_in_at is None:
            return False
        return (self._machine_clock() - link.logged_in_at).total_seconds() < self.empty_after_login

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request; for open orders the gateway has more to do."""
        return {
            requests.ReqAllOpenOrders: self.all_open_orders,
            requests.ReqCompletedOrders: self.completed_orders,
            requests.ReqExecutions: self.executions,
        }

    def open_orders(self, link: Link, message: requests.ReqOpenOrders) -> None:
        """Send this client's open orders."""
        link.answer(self._open(link, link.client_id))

    def all_open_orders(self, link: Link, message: requests.ReqAllOpenOrders) -> None:
        """Send every client's open orders; from here on this client's new ids must exceed all of them."""
        link.answer(self._open(link))
        highest = max((record.order_id for record in self._state.open_orders()), default=0)
        if link.client_id is not None and highest >= self._state.next_order_id(link.client_id):
            self._state.apply(IdSeen(client_id=link.client_id, order_id=highest))

    def _open(self, link: Link, client_id: int | None = None) -> Iterator[Step]:
        """List orders as they are when it is their turn; one that is done by then is open no more."""
        for record in [] if self._is_empty(link) else self._state.open_orders(client_id):
            if not self._login.shows(record.account) or record.perm_id not in self._state.open:
                yield ()
            else:
                instrument = self._state.universe[record.con_id]
                yield echo.open_order(record, instrument), echo.order_status(record)
        yield (responses.OpenOrderEnd(),)

    def completed_orders(self, link: Link, message: requests.ReqCompletedOrders) -> None:
        """Send the orders that were done today: all, or those alone that came by the API."""
        link.answer(self._completed(self._day(), self._is_empty(link), bool(message.api_only)))

    def _completed(self, day: datetime, is_empty: bool, api_only: bool) -> Iterator[Step]:
        for record in [] if is_empty else list(self._state.orders.values()):
            is_wanted = self._login.shows(record.account) and not (api_only and record.is_manual)
            if record.done_at is not None and record.done_at > day and is_wanted:
                done_at = self._home.write_zoned(record.done_at)
                yield (echo.completed_order(record, self._state.universe[record.con_id], done_at),)
            else:
                yield ()
        yield (responses.CompletedOrdersEnd(),)

    def executions(self, link: Link, message: requests.ReqExecutions) -> None:
        """Send today's executions that pass the filter, each with its commission."""
        since = self._since(link, message)
        if since is not None:
            link.answer(self._executed(link, message, since))

    def _executed(self, link: Link, message: requests.ReqExecutions, since: datetime) -> Iterator[Step]:
        for fact in [] if self._is_empty(link) else list(self._state.executions):
            record = self._state.orders.get(fact.perm_id)
            if record is None or fact.at < since or not self._passes(message, fact, record):
                yield ()
                continue
            instrument = self._state.universe[fact.con_id]
            yield (
                echo.execution_data(
                    fact, record, instrument, message.req_id, self._home.write(fact.at, link.version)
                ),
                echo.commission_report(fact),
            )
        yield (responses.ExecutionDataEnd(req_id=message.req_id),)

    def _since(self, link: Link, message: requests.ReqExecutions) -> datetime | None:
        """Return from when on executions are wanted, which is today; None after an error was sent.

        Clients of server version 200 may ask for days before: the last so many, or certain ones.
        """
        day = self._day()
        if message.last_n_days or message.days:
            day = self._home.midnight(self._clock()) - timedelta(days=message.last_n_days or MAX_DAYS)
        if not message.time:
            return day
        try:
            wanted = parse_moment(message.time, None, self._home.place)
        except ValueError:
            link.error(message.req_id, *validation("Invalid date/time format"))
            return None
        return max(wanted, day)

    def _passes(self, wanted: requests.ReqExecutions, fact: Executed, record: OrderRecord) -> bool:
        instrument = self._state.universe[fact.con_id]
        return (
            self._login.shows(fact.account)
            and (not wanted.days or self._home.date_number(fact.at) in {day.date for day in wanted.days})
            and wanted.client_id in (None, 0, record.client_id)
            and wanted.account in ("", fact.account)
            and wanted.symbol in ("", instrument.symbol)
            and wanted.sec_type in ("", instrument.sec_type)
            and wanted.exchange in ("", fact.venue, record.exchange)
            and (not wanted.side or _SIDES.get(wanted.side) == fact.side)
            # An advisor's order is listed whole; its shares for whom asks of one account.
            and (not fact.share_of or bool(wanted.account))
        )

    def _day(self) -> datetime:
        """When the gateway's present day began, by its own clock and zone."""
        midnight = self._home.midnight(self._clock())
        return max(midnight, self._state.day_began_at or midnight)
