"""Sending, on the session's loop: where orders, replaces and cancels become bytes.

Each gets one answer of the port's: handed to a live socket; BrokerUnavailable, when nothing has left;
BrokerRefused, a definite no; OutcomeUnknown, when it may have left. So what can forbid a write is looked at
before it, and nothing after it can turn it into "not sent".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from brokers.errors import BrokerError, BrokerRefused, BrokerUnavailable, OutcomeUnknown
from brokers.gate.fence import Fence
from brokers.gate.order_ids import is_sendable
from brokers.ib import contracts, translate
from brokers.messages import CancelOrder, HandedOver, NewOrder, ReplaceOrder
from brokers.port import Link, Listener, Sent
from brokers.postgres import clock

log = logging.getLogger(__name__)

Command = NewOrder | ReplaceOrder | CancelOrder


class SendingSession(Protocol):
    """What sending needs of the session."""

    name: str
    link: Link
    listener: Listener

    def live_client(self) -> Any:
        """The client; raises BrokerUnavailable when its socket would not take bytes."""

    async def room(self) -> None:
        """Wait until the gateway's pace lets one more message out."""


class Sending:
    """Writes what it is given, each for itself: one that fails stops none of the others."""

    def __init__(self, session: SendingSession, fence: Fence | None) -> None:
        self._session = session
        #: The last look before a write: a process that was frozen may wake right there.
        self._require_lease: Callable[[], None] = fence.require if fence else lambda: None

    async def place(self, orders: Sequence[NewOrder]) -> list[Sent]:
        now, fresh_until = clock.now(), whole_until(orders)  # one moment for all
        return [
            self._sent(order.order_id, self._place_one, order, fresh_until.get(order.order_id), now)
            for order in orders
        ]

    async def replace(self, replaces: Sequence[ReplaceOrder]) -> list[Sent]:
        now = clock.now()
        return [
            self._sent(replace.order_id, self._replace_one, replace, replace.order.fresh_until, now)
            for replace in replaces
        ]

    async def cancel(self, cancels: Sequence[CancelOrder]) -> list[Sent]:
        return [self._sent(cancel.order_id, self._cancel_one, cancel) for cancel in cancels]

    def _sent(
        self,
        order_id: str,
        send: Any,
        command: Command,
        fresh_until: datetime | None = None,
        now: datetime | None = None,
    ) -> Sent:
        """Send it, if it is fresh still: it may have waited for this thread since it was claimed."""
        if fresh_until and now and now >= fresh_until:
            stale = BrokerUnavailable(f"not sent: it was fresh until {fresh_until.isoformat()}")
            return Sent(order_id=order_id, error=stale)
        try:
            send(command)
        except BrokerError as error:
            return Sent(order_id=order_id, error=error)
        except ConnectionError as error:  # raised by the client before it writes
            return Sent(order_id=order_id, error=BrokerUnavailable(str(error)))
        except Exception as error:
            log.exception("send broke", extra={"session": self._session.name})
            return Sent(order_id=order_id, error=OutcomeUnknown(repr(error)))
        return Sent(order_id=order_id)

    def _place_one(self, order: NewOrder) -> None:
        self._write_order(order)
        self._session.listener.handed_over(
            HandedOver(order_id=order.order_id, broker_order_id=order.broker_order_id, sent_at=clock.now())
        )

    def _replace_one(self, replace: ReplaceOrder) -> None:
        """IB changes an open order when it is placed again under its id.

        It refuses a quantity that is executed already, where FIX means "cancel the balance".
        """
        if replace.order.order_qty <= replace.cum_qty:
            number = replace.order.broker_order_id
            self._cancel_one(CancelOrder(order_id=replace.order_id, broker_order_id=number))
        else:
            self._write_order(replace.order)

    def _write_order(self, order: NewOrder) -> None:
        if (link := self._session.link) is not Link.READY:
            raise BrokerUnavailable(f"the link is {link}")
        if not is_sendable(order.broker_order_id):
            raise BrokerRefused(f"The order id {order.broker_order_id} cannot be sent.", code="NO_ORDER_ID")
        client = self._session.live_client()
        contract, wire = contracts.to_contract(order.instrument), translate.to_order(order)
        self._require_lease()
        client.placeOrder(order.broker_order_id, contract, wire)

    def _cancel_one(self, cancel: CancelOrder) -> None:
        if not is_sendable(cancel.broker_order_id):
            raise BrokerRefused(f"The order id {cancel.broker_order_id} cannot be sent.", code="NO_ORDER_ID")
        client = self._session.live_client()
        self._require_lease()
        client.cancelOrder(cancel.broker_order_id, "")

    async def cancel_everything(self, everything: CancelOrder) -> list[Sent]:
        await self._session.room()
        return [self._sent(everything.order_id, self._write_global_cancel, everything)]

    def _write_global_cancel(self, _: CancelOrder) -> None:
        client = self._session.live_client()
        self._require_lease()
        client.reqGlobalCancel()


def whole_until(orders: Sequence[NewOrder]) -> dict[str, datetime | None]:
    """Until when each may be written. A chain goes whole: until the first of its members grows stale."""
    if not any(order.wait_for_rest for order in orders):
        return {order.order_id: order.fresh_until for order in orders}
    first = min((order.fresh_until for order in orders if order.fresh_until), default=None)
    return {order.order_id: first for order in orders}
