"""What is said when an order is taken in: why it is rejected after all, what notices come with it."""

from __future__ import annotations

from collections.abc import Iterator

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.gateway.accounts.exposure import Exposure
from brokers.simulator.gateway.accounts.margin import margin_shortfall
from brokers.simulator.gateway.accounts.valuation import Valuation
from brokers.simulator.gateway.memory.facts import OrderRecord, Status
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts.refusals import (
    LOCATING,
    OUTSIDE_RTH_IGNORED,
    Refusal,
    not_yet_at_the_exchange,
    rejected,
)


def rejection(record: OrderRecord, state: State, valuation: Valuation, exposure: Exposure) -> Refusal | None:
    """Return why a well-formed order ends at once: its parent is gone, or the account cannot carry it."""
    parent = state.orders.get(record.parent_perm_id)
    if parent is not None and parent.is_done and parent.status is not Status.FILLED:
        return rejected("Parent order is being cancelled.")
    return margin_shortfall(record, state, valuation, exposure)


def notices(record: OrderRecord, universe: Universe, exchange: Exchange) -> Iterator[Refusal]:
    """Yield what is said about an order that is taken, in the order of real gateways."""
    order = record.order
    if order.outside_rth and order.order_type == "MKT":
        yield OUTSIDE_RTH_IGNORED
    if record.why_held == "locate":
        yield LOCATING
    outside_rth = bool(order.outside_rth) and order.order_type != "MKT"
    opens = exchange.next_opening(record.con_id, outside_rth=outside_rth)
    if opens is not None:
        what = f"{order.action} {record.quantity:f} {universe[record.con_id].symbol} {record.exchange}"
        yield not_yet_at_the_exchange(what, opens)
