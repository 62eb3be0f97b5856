"""The wrapper that ib_async's decoder calls: raw callbacks in, inbound messages out.

We use the library's client and decoder but not its trade book: it drops statuses of orders it does not
know, swallows executions it has seen in an answer, and marks living orders Cancelled on codes it takes
for errors. Here every callback goes to the listener, with what it literally said.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Hashable
from datetime import UTC
from functools import cache
from typing import Any, cast

from ib_async import CommissionReport, Contract, ContractDetails, Execution, Order, OrderState, PriceIncrement
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from brokers.errors import OutcomeUnknown
from brokers.gate.order_ids import USED_UP_FROM
from brokers.ib import codes, contracts, translate
from brokers.ib.codes import Notice
from brokers.ib.ids import FIRST_REQUEST_ID
from brokers.ib.order_attributes import BEYOND
from brokers.ib.prices import Prices
from brokers.ib.repeats import Loss, Repeats
from brokers.ib.requests import PROBE, Requests
from brokers.ib.times import GatewayTimes
from brokers.messages import (
    AccountValueReport,
    BrokerEvent,
    ErrorReport,
    OrderIdentity,
    OrderReport,
    PositionReport,
    Refusal,
    commission_key,
    execution_key,
)
from brokers.port import InboundMessage, Listener
from brokers.postgres import clock

log = logging.getLogger(__name__)

LINK_NOTICES = (Notice.LINK_LOST, Notice.LINK_RESTORED, Notice.CLIENT_ID_IN_USE)

#: What the library has where a message said nothing.
UNSET: tuple[Any, ...] = (UNSET_DOUBLE, UNSET_INTEGER, [], None)
#: What is kept as it is in JSON; all else as text.
PLAIN = (str, int, float, bool)


class TimezoneOfGateway:
    """Stands in for the library's `IB` object, of which the decoder asks only this."""

    TimezoneTWS = "UTC"


class Callbacks:
    """One connection's callbacks. Method names and arguments are the decoder's."""

    ib = TimezoneOfGateway()
    defaultTimezone = UTC

    def __init__(
        self,
        *,
        connection_id: str,
        client_id: int,
        listener: Listener,
        requests: Requests,
        prices: Prices,
        on_link_code: Callable[[int, str], None],
        times: GatewayTimes | None = None,
    ) -> None:
        self.connection_id = connection_id
        self.client_id = client_id
        self.listener = listener
        self.requests = requests
        self.prices = prices
        self.on_link_code = on_link_code
        self.times = times or GatewayTimes("main", None, listener)
        self.repeats = Repeats()
        #: Of completed orders, which only a full snapshot makes the gateway repeat.
        self.completed_repeats = Repeats()
        #: Messages about orders so far, repeats included.
        self.told = 0
        self._count = 0
        self._highest_of_others = 0

    # --- connection --------------------------------------------------------------------------------
    def connectAck(self) -> None:
        """The handshake is done."""

    def greeted(self, text: str) -> None:
        """The time of the gateway, which names its zone."""
        self.times.learn(text)

    def setEventsDone(self) -> None:
        """Part of the library's trade book, which is not used."""

    def connectionClosed(self) -> None:
        """The socket closed after the connection had been ready."""
        self.requests.connection_lost()

    def unreadable(self, text: str) -> None:
        """A message about our books could not be read: no answer under way is whole any more."""
        said = f"a message of the gateway could not be read: {text}"
        self.requests.spoil(OutcomeUnknown(said))
        self.listener.alarm("unreadable", said)

    def nextValidId(self, order_id: int) -> None:
        self.listener.next_valid_id(order_id)

    def currentTime(self, seconds: int) -> None:
        self.requests.add(PROBE, seconds)
        self.requests.end(PROBE)

    # --- orders ------------------------------------------------------------------------------------
    def orderStatus(
        self,
        order_id: int,
        status: str,
        filled: float,
        remaining: float,
        avg_fill_price: float,
        perm_id: int,
        parent_id: int,
        last_fill_price: float,
        client_id: int,
        why_held: str,
        mkt_cap_price: float = 0.0,
    ) -> None:
        raw = {
            "orderId": order_id, "status": status, "filled": filled, "remaining": remaining,
            "avgFillPrice": avg_fill_price, "permId": perm_id, "parentId": parent_id,
            "lastFillPrice": last_fill_price, "clientId": client_id, "whyHeld": why_held,
            "mktCapPrice": mkt_cap_price,
        }  # fmt: skip
        report = OrderReport(
            identity=translate.identity(perm_id=perm_id, client_id=client_id, order_id=order_id),
            status=(read := translate.status_of(status, why_held)),
            source="orderStatus",
            cum_qty=contracts.amount(filled),
            text=translate.told_with(read, status, why_held),
        )
        self._on_event(report, raw, about=f"{perm_id}:{client_id}:{order_id}")
        self._stay_above(client_id, order_id)

    def openOrder(self, _: int, contract: Contract, order: Order, state: OrderState) -> None:
        if order.whatIf:
            self.requests.add(order.orderId, translate.preview(state))
            self.requests.end(order.orderId)
            return
        raw = {"contract": _said(contract), "order": _said(order), "orderState": _said(state)}
        more = [name for name in BEYOND & raw["order"].keys() if raw["order"][name]]
        report = translate.open_order_report(contract, order, state, more)
        self.requests.add("openOrders", report)
        self._on_event(report, raw, about=f"{order.permId}:{order.clientId}:{order.orderId}")
        self._stay_above(order.clientId, order.orderId)

    def _stay_above(self, client_id: int, order_id: int) -> None:
        """Once other clients' orders were asked for, our ids must be above theirs too (IB, next valid id).

        But for those that no client can count beyond: all orders by hand share 2147483647 (IbPy 36).
        """
        if order_id + 1 >= USED_UP_FROM:
            return
        if client_id != self.client_id and order_id > self._highest_of_others:
            self._highest_of_others = order_id
            self.listener.next_valid_id(order_id + 1)

    def openOrderEnd(self) -> None:
        self.requests.end("openOrders")

    def completedOrder(self, contract: Contract, order: Order, state: OrderState) -> None:
        report = translate.completed_order_report(contract, order, state)
        self.requests.add("completedOrders", report)
        raw = {"contract": _said(contract), "order": _said(order), "orderState": _said(state)}
        self._on_event(report, raw, about=str(order.permId))

    def completedOrdersEnd(self) -> None:
        self.requests.end("completedOrders")

    # --- executions --------------------------------------------------------------------------------
    def execDetails(self, request_id: int, contract: Contract, execution: Execution) -> None:
        report = translate.execution_report(contract, execution)
        if request_id >= FIRST_REQUEST_ID:
            self.requests.add(request_id, report)
        raw = {"contract": _said(contract), "execution": _said(execution)}
        self._on_event(report, raw, key=execution_key(report))

    def execDetailsEnd(self, request_id: int) -> None:
        self.requests.end(request_id)

    def commissionReport(self, commission: CommissionReport) -> None:
        report = translate.commission_report(commission)
        # What comes after another word about it is news, also when it is what was said before that.
        key = commission_key(report)
        if f"{raw_kind(report)}:{report.exec_id}" in self.repeats:
            key = f"{key}:{self.connection_id}:{self._count}"
        self._on_event(report, _said(commission), key=key, about=report.exec_id)

    # --- errors ------------------------------------------------------------------------------------
    def error(self, request_id: int, code: int, text: str, advanced_json: str = "") -> None:
        what = codes.classify(code)
        if what in LINK_NOTICES:
            self.on_link_code(code, text)
        elif request_id >= FIRST_REQUEST_ID:
            self.requests.fail(request_id, code, text)
            self.prices.refused(request_id, code, text)
        elif self.requests.is_open(request_id):  # a what-if order
            if codes.meaning(code) is not Refusal.WARNING:
                self.requests.fail(request_id, code, text)
        elif request_id > 0:
            self._order_error(request_id, code, text, advanced_json)
        elif what in (Notice.PACING, Notice.PORT_CHANGED):
            self.listener.alarm(what.lower(), f"{code}: {text}")
        else:
            log.info("gateway notice", extra={"code": code, "text": text})

    def _order_error(self, order_id: int, code: int, text: str, advanced_json: str) -> None:
        report = ErrorReport(
            identity=OrderIdentity(client_id=self.client_id, broker_order_id=order_id),
            code=code,
            text=text,
            meaning=codes.meaning(code, text, order_id),
        )
        raw = {"reqId": order_id, "errorCode": code, "errorString": text, "advanced": advanced_json}
        self._on_event(report, raw, about=str(order_id))

    # --- account, instruments, prices ----------------------------------------------------------------
    def position(self, account: str, contract: Contract, quantity: float, avg_cost: float) -> None:
        report = PositionReport(
            account=account,
            instrument=contracts.instrument_of(contract),
            position_qty=contracts.amount(quantity),
            avg_cost=contracts.amount(avg_cost),
        )
        self.requests.add("positions", report)
        self.listener.position_seen(report)

    def receiveFA(self, kind: int, xml: str) -> None:
        self.requests.add("groups", xml)
        self.requests.end("groups")

    def positionEnd(self) -> None:
        self.requests.end("positions")

    def accountSummary(self, request_id: int, account: str, tag: str, value: str, currency: str) -> None:
        report = AccountValueReport(account=account, key=tag, value=value, currency=currency)
        self.requests.add(request_id, report)

    def accountSummaryEnd(self, request_id: int) -> None:
        self.requests.end(request_id)

    def contractDetails(self, request_id: int, details: ContractDetails) -> None:
        self.requests.add(request_id, details)

    def contractDetailsEnd(self, request_id: int) -> None:
        self.requests.end(request_id)

    #: Of a bond, in a message of its own.
    bondContractDetails = contractDetails

    def marketRule(self, rule_id: int, increments: list[PriceIncrement]) -> None:
        self.requests.add(rule_key(rule_id), increments)
        self.requests.end(rule_key(rule_id))

    def priceSizeTick(self, request_id: int, tick_type: int, price: float, _: float) -> None:
        self.prices.tick(request_id, tick_type, price)

    def tickSize(self, request_id: int, tick_type: int, size: float) -> None:
        self.prices.tick(request_id, tick_type, size)

    def tickGeneric(self, request_id: int, tick_type: int, value: float) -> None:
        self.prices.tick(request_id, tick_type, value)

    def tickOptionComputation(self, *_: Any) -> None:
        """Greeks, several times a second with each option that is watched: not used here."""

    def marketDataType(self, request_id: int, feed: int) -> None:
        self.prices.feed(request_id, feed)

    def updateMktDepth(
        self, request_id: int, position: int, operation: int, side: int, price: float, size: float
    ) -> None:
        self.prices.depth(request_id, operation, side, position, contracts.level(price, size))

    def updateMktDepthL2(
        self,
        request_id: int,
        position: int,
        maker: str,
        operation: int,
        side: int,
        price: float,
        size: float,
        _: bool,
    ) -> None:
        self.prices.depth(request_id, operation, side, position, contracts.level(price, size, maker))

    def pnl(self, request_id: int, daily: float, unrealized: float, realized: float) -> None:
        self.prices.profit(request_id, daily=daily, unrealized=unrealized, realized=realized)

    def pnlSingle(
        self, request_id: int, _: float, daily: float, unrealized: float, realized: float, value: float
    ) -> None:
        self.prices.profit(request_id, daily=daily, unrealized=unrealized, realized=realized, value=value)

    # --- to the inbox ------------------------------------------------------------------------------
    def looked(self, full: bool) -> None:
        """A snapshot is over; a full one asks for completed orders too."""
        self.repeats.looked()
        if full:
            self.completed_repeats.looked()

    def _on_event(self, event: BrokerEvent, raw: dict[str, Any], *, about: str = "", key: str = "") -> None:
        """To the inbox, unless it repeats word for word the last one of its kind about this order.

        That one is stored, or on its way to be: one that was lost on its way is forgotten here.
        """
        self.told += 1
        kind = raw_kind(event)
        words = hash(repr(raw))
        topic = f"{kind}:{about}" if about else key
        repeats = self.completed_repeats if kind == "completedOrder" else self.repeats
        if repeats.is_repeat(topic, words):
            return
        self._count += 1
        message = InboundMessage(
            event=event,
            dedup_key=key or f"{self.connection_id}:{self._count}",
            raw=raw,
            received_at=clock.now(),
            forget=Loss(repeats, topic, words),
        )
        self.listener.on_message(message)


def rule_key(rule_id: int) -> str:
    """The request under which a market rule is awaited."""
    return f"marketRule:{rule_id}"


def raw_kind(event: BrokerEvent) -> str:
    """Which callback an event came from, as far as it matters for telling repeats apart."""
    return event.source if isinstance(event, OrderReport) else type(event).__name__


def _said(part: Any) -> dict[str, Any]:
    """The fields that the message set, without the library's unset sentinels and defaults."""
    values, said = vars(part), {}
    for name, default in _fields(cast(Hashable, type(part))):
        value = values[name]
        if value is not default and value != default and value not in UNSET:
            said[name] = value if isinstance(value, PLAIN) else str(value)
    return said


@cache
def _fields(kind: Hashable) -> list[tuple[str, Any]]:
    """Names and defaults; asking the class for them took a tenth of this thread's time."""
    return [(field.name, field.default) for field in dataclasses.fields(cast(Any, kind))]
