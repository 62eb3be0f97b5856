"""The gateway's own books as JSON: what it received, what it worked, what it charged.

Money and quantities are strings, ids are integers, times are UTC with microseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.gateway.memory.facts import Executed, OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.wire.records import Order

Row = dict[str, Any]


def orders(state: State) -> list[Row]:
    """Return one row per (client_id, order_id) that was worked, in order of arrival."""
    return [_order(record, state.universe) for record in state.orders.values()]


def executions(state: State) -> list[Row]:
    """Return one row per execution in its newest version, in order of time."""
    return [
        _execution(fact, state.orders[fact.perm_id], state.universe)
        for fact in state.executions
        if not fact.is_superseded
    ]


def positions(state: State) -> list[Row]:
    """Return one row per account and instrument ever held; costs include multiplier and commissions."""
    return [
        {
            "account": account.name,
            "con_id": con_id,
            "symbol": state.universe[con_id].symbol,
            "local_symbol": state.universe[con_id].local_symbol,
            "currency": state.universe[con_id].currency,
            "position": _text(position.quantity),
            "average_cost": _text(round(position.average_cost, 8)),
            "realized_pnl": _text(position.realized),
        }
        for account in state.accounts.values()
        for con_id, position in account.positions.items()
    ]


def cash(state: State) -> list[Row]:
    """Return one row per account and currency, as a statement shows it."""
    return [
        {"account": account.name, "currency": currency, "amount": _text(amount)}
        for account in state.accounts.values()
        for currency, amount in account.reported_cash(state.universe.instruments).items()
    ]


def changes(state: State) -> list[Row]:
    """Return what changed positions without an execution, in order of time."""
    return [
        {
            "account": fact.account,
            "con_id": fact.con_id,
            "symbol": state.universe[fact.con_id].symbol,
            "kind": fact.kind,
            "quantity": _text(fact.quantity),
            "price": _text(fact.price),
            "of_option": fact.of_option or None,
            "realized_pnl": _text(fact.realized),
            "time": time_text(fact.at),
        }
        for fact in state.changes
    ]


def _order(record: OrderRecord, universe: Universe) -> Row:
    order, instrument = record.order, universe[record.con_id]
    return {
        "order_id": record.order_id,
        "client_id": record.client_id,
        "perm_id": record.perm_id,
        "order_ref": order.order_ref,
        "account": record.account,
        "con_id": record.con_id,
        "symbol": instrument.symbol,
        "sec_type": instrument.sec_type,
        "local_symbol": instrument.local_symbol,
        "action": order.action,
        "total_quantity": _text(record.quantity),
        "order_type": order.order_type,
        "limit_price": _text(order.lmt_price),
        "stop_price": _text(order.aux_price),
        "time_in_force": order.tif,
        "status": str(record.status),
        "filled": _text(record.filled),
        "average_price": _text(record.average_price),
        "commission": _text(record.commission),
        "place_count": record.place_count,
        "received_at": time_text(record.received_at),
        "done_at": time_text(record.done_at),
        "completed_status": record.completed_status,
        # All that the client said of the order, beyond what a plain order says.
        "terms": _terms(order),
    }


def _terms(order: Order) -> Row:
    said = msgspec.to_builtins(order, builtin_types=(Decimal,))
    return {name: _text(value) if isinstance(value, Decimal) else value for name, value in said.items()}


def _execution(fact: Executed, record: OrderRecord, universe: Universe) -> Row:
    return {
        "exec_id": fact.exec_id,
        "order_id": record.order_id,
        "client_id": record.client_id,
        "perm_id": fact.perm_id,
        "order_ref": record.order.order_ref,
        "account": fact.account,
        "con_id": fact.con_id,
        "symbol": universe[fact.con_id].symbol,
        "side": "BOT" if fact.side == "BUY" else "SLD",
        "shares": _text(fact.shares),
        "price": _text(fact.price),
        "commission": _text(fact.commission),
        "commission_currency": fact.currency,
        "realized_pnl": _text(fact.realized),
        "exchange": fact.venue,
        "share_of": fact.share_of or None,
        "time": time_text(fact.at),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def time_text(moment: datetime | None) -> str | None:
    """A time in UTC with microseconds; None stays None."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")
