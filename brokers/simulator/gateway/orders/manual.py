"""Orders made by hand in the gateway's own window: client 0 sees them, and may bind them to ids of its own.

An unbound one has order id 0, or tells another number. Bound ids are negative, as real gateways' default
setting makes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import Bound, OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders.service import OrderService
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Contract, Order


class ManualOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /manual`: an order as somebody types it in."""

    symbol: str
    action: str
    total_quantity: Decimal
    order_type: str = "MKT"
    lmt_price: Decimal | None = None
    aux_price: Decimal | None = None
    tif: str = "DAY"
    sec_type: str = "STK"
    exchange: str = "SMART"
    currency: str = "USD"
    account: str = ""
    con_id: int = 0
    #: The ids that messages tell: gateways write order id 2147483647 as well, and give out numbers in use.
    client_id: int = 0
    order_id: int | None = None
    order_ref: str = ""


class ManualOrders:
    """Takes orders in that no client sent."""

    def __init__(self, state: State, orders: OrderService) -> None:
        self._state = state
        self._orders = orders

    def place(self, typed: ManualOrder, links: Iterable[Link]) -> OrderRecord:
        """Work the order; raises Refused if it cannot be."""
        binds = any(link.client_id == 0 and link.auto_bind for link in links)
        message = PlaceOrder(
            order_id=self._next_id() if binds else 0,
            contract=Contract(
                con_id=typed.con_id,
                symbol=typed.symbol,
                sec_type=typed.sec_type,
                exchange=typed.exchange,
                currency=typed.currency,
            ),
            order=Order(
                action=typed.action,
                total_quantity=typed.total_quantity,
                order_type=typed.order_type,
                lmt_price=typed.lmt_price,
                aux_price=typed.aux_price,
                tif=typed.tif,
                account=typed.account,
                order_ref=typed.order_ref,
            ),
        )
        told_as = None if typed.order_id is None else (typed.client_id, typed.order_id)
        return self._orders.accept(0, message, told_as)

    def bind(self) -> None:
        """Give every open manual order an id by which client 0 may name it."""
        for record in self._state.open_orders(0):
            if not record.order_id:
                self._state.apply(Bound(perm_id=record.perm_id, order_id=self._next_id()))

    def _next_id(self) -> int:
        return min((record.order_id for record in self._state.open_orders(0)), default=0) - 1
