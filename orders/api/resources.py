"""What clients are shown of each thing: one function per resource, from rows that are already loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from brokers.formats import decimal_or_none, decimal_text, time_or_none, time_text
from brokers.models import AccountValue, GatewaySession, Instrument, Position
from brokers.order_attributes import ATTRIBUTE_FIELDS
from orders.models import (
    OPEN_REQUESTS,
    ApiToken,
    Execution,
    Order,
    OrderEvent,
    OrderRequest,
    RequestKind,
    RequestState,
    TradingState,
    Webhook,
    WebhookDelivery,
    ord_status,
)
from orders.models.execution import shared_qty, shares_of
from orders.risk.states import InForce
from orders.selectors import STEPS

Document = dict[str, Any]
#: An order shows all optional terms, null where not given.
NOTHING_SPECIAL: Document = dict.fromkeys(ATTRIBUTE_FIELDS)


def order_document(order: Order, requests: Iterable[OrderRequest]) -> Document:
    """An order with its requests; `instrument` must be loaded."""
    requests = list(requests)
    open_kinds = [request.kind for request in requests if request.state in OPEN_REQUESTS]
    chain = cl_ord_id_chain(order.cl_ord_id, requests)
    day = order.day_quantities(timezone.now())
    # Of one that needs a second person: which approval, and whether it still waits for it.
    held: Document = {}
    if order.approval_id:
        held = {"approval_id": str(order.approval_id), "awaits_approval": order.awaits_approval}
    return {
        "id": str(order.id),
        "cl_ord_id": order.cl_ord_id,
        "current_cl_ord_id": next(reversed(chain)),
        "replaced_by": chain[order.cl_ord_id],
        "order_ref": order.order_ref,
        "account": order.account_id,
        "instrument": instrument_document(order.instrument),
        "side": order.side,
        "order_qty": decimal_text(order.reported_qty),
        "ord_type": order.ord_type,
        "price": decimal_or_none(order.price),
        "stop_px": decimal_or_none(order.stop_px),
        "time_in_force": order.time_in_force,
        **NOTHING_SPECIAL,
        **order.special,
        "state": order.state,
        "ord_status": ord_status(order.state, order.cum_qty, open_kinds, order.standing),
        "cum_qty": decimal_text(order.cum_qty),
        "leaves_qty": decimal_text(order.leaves_qty),
        "avg_px": decimal_text(order.avg_px),
        "day_order_qty": decimal_text(day.order_qty),
        "day_cum_qty": decimal_text(day.cum_qty),
        "day_avg_px": decimal_text(day.avg_px),
        "reason": reason_document(order.reason_code, order.reason_text),
        "perm_id": order.perm_id,
        "broker_order_id": order.broker_order_id,
        "version": order.version,
        "source": order.source,
        "parent_id": str(order.parent_id) if order.parent_id else None,
        "group_id": str(order.group_id) if order.group_id else None,
        "on_unconfirmed": order.on_unconfirmed,
        "if_broker_down": order.if_broker_down,
        "if_backlog": order.if_backlog,
        "strategy": order.strategy or None,
        "reduce_only": order.reduce_only,
        "overfilled": order.overfilled,
        "commission_missing": order.commission_missing,
        "requests": [request_document(request, chain.get(request.cl_ord_id)) for request in requests],
        "timestamps": {step: time_or_none(getattr(order, f"{step}_at")) for step in STEPS},
        **held,
    }


def share_fields(order: Order) -> Document:
    """Of an advisor's group order: what each account has of it, and what that comes to."""
    if not order.is_allocated:
        return {}
    executions = order.executions.all()
    return {
        "shares": [
            {
                "account": share.account,
                "cum_qty": decimal_text(share.qty),
                "avg_px": decimal_text(share.avg_px),
                "commission": decimal_or_none(share.commission),
                "commission_currency": share.currency or None,
            }
            for share in shares_of(order, executions)
        ],
        "shared_qty": decimal_text(shared_qty(order, executions)),
    }


def instrument_document(instrument: Instrument) -> Document:
    """The description by which an instrument is ordered."""
    return {
        "symbol": instrument.symbol,
        "sec_type": instrument.sec_type,
        "exchange": instrument.exchange,
        "currency": instrument.currency,
        "con_id": instrument.con_id,
        "maturity": instrument.maturity or None,
        "strike_price": decimal_or_none(instrument.strike_price),
        "put_or_call": instrument.put_or_call or None,
        "local_symbol": instrument.local_symbol or None,
        "legs": instrument.legs or None,
    }


def reason_document(code: str, text: str) -> Document | None:
    """Why something was refused or given up; None when there is nothing to explain."""
    return {"code": code, "text": text} if code else None


def cl_ord_id_chain(root: str, requests: Iterable[OrderRequest]) -> dict[str, str | None]:
    """Each ClOrdID that the order had, first to last, with the one that replaced it."""
    taken = [r for r in requests if r.kind == RequestKind.REPLACE and r.state == RequestState.ACCEPTED]
    names = [root, *(request.cl_ord_id for request in sorted(taken, key=lambda request: request.id))]
    return dict(zip(names, [*names[1:], None], strict=True))


def request_document(request: OrderRequest, replaced_by: str | None = None) -> Document:
    """A cancel or replace request; `terms` are those that a replace asks for."""
    return {
        "id": str(request.id),
        "order_id": str(request.order_id),
        "kind": request.kind,
        "cl_ord_id": request.cl_ord_id,
        "orig_cl_ord_id": request.orig_cl_ord_id,
        "replaced_by": replaced_by,
        "state": request.state,
        "terms": request.terms.as_json() if request.kind == RequestKind.REPLACE else None,
        "reason": reason_document(request.reason_code, request.reason_text),
        "requested_by": request.requested_by,
        "requested_at": time_text(request.requested_at),
        "sent_at": time_or_none(request.sent_at),
        "answered_at": time_or_none(request.answered_at),
    }


def token_document(token: ApiToken) -> Document:
    """An API token without its text; `user`, `accounts` and `successor` must be loaded."""
    return {
        "id": token.token_key,
        "owner": token.user.get_username(),
        "name": token.name,
        "scopes": token.scopes,
        "accounts": sorted(account.code for account in token.accounts.all()),
        "rate": token.rate,
        "strategy": token.strategy or None,
        "networks": token.networks,
        "made_by": token.made_by,
        "made_at": time_text(token.created),
        "expires_at": time_or_none(token.expiry),
        "last_used_at": time_or_none(token.last_used_at),
        "revoked_at": time_or_none(token.revoked_at),
        "revoked_by": token.revoked_by,
        "successor": token.successor.token_key if token.successor else None,
        "waiting": token.waiting,
        "heartbeat": token.heartbeat_s or token.beat_within,
        "silent_since": time_or_none(token.silent_since),
    }


def webhook_document(webhook: Webhook) -> Document:
    """A webhook without its secret; `client` and `accounts` must be loaded."""
    return {
        "id": str(webhook.id),
        "owner": webhook.client.get_username(),
        "url": webhook.url,
        "accounts": sorted(account.code for account in webhook.accounts.all()),
        "kinds": webhook.kinds,
        "active": webhook.active,
        "made_by": webhook.made_by,
        "created_at": time_or_none(webhook.created_at),
        "rotated_at": time_or_none(webhook.rotated_at),
        "last_event_id": f"{webhook.txid}-{webhook.event_id}",
        "failures": webhook.failures,
        "not_before": time_or_none(webhook.not_before),
    }


def delivery_document(delivery: WebhookDelivery) -> Document:
    """A delivery with its attempts; `log` must be loaded."""
    return {
        "id": str(delivery.id),
        "webhook_id": str(delivery.webhook_id),
        "state": delivery.state,
        "events": delivery.events,
        "attempts": delivery.attempts,
        "created_at": time_or_none(delivery.created_at),
        "delivered_at": time_or_none(delivery.delivered_at),
        "log": [
            {
                "at": time_text(attempt.at),
                "status_code": attempt.status_code,
                "duration_ms": attempt.duration_ms,
                "error": attempt.error,
            }
            for attempt in delivery.log.all()
        ],
    }


def event_document(event: OrderEvent) -> Document:
    """One thing that happened to an order."""
    return {"order_id": str(event.order_id), **event.facts()}


def execution_document(execution: Execution) -> Document:
    """One execution; `order` must be loaded, with its instrument."""
    return {
        "id": execution.pk,
        "exec_id": execution.exec_id,
        "superseded": execution.superseded,
        "order_id": str(execution.order_id),
        "cl_ord_id": execution.order.cl_ord_id,
        "order_ref": execution.order.order_ref,
        "account": execution.account_id,
        "instrument": instrument_document(execution.order.instrument),
        "side": execution.side,
        "last_qty": decimal_text(execution.last_qty),
        "last_px": decimal_text(execution.last_px),
        "venue": execution.venue,
        "liquidity": execution.liquidity,
        "transact_time": time_text(execution.transact_time),
        "trade_date": execution.trade_date.isoformat() if execution.trade_date else None,
        "commission": decimal_or_none(execution.commission),
        "commission_currency": execution.commission_currency,
        "realized_pnl": decimal_or_none(execution.realized_pnl),
        "received_at": time_text(execution.received_at),
    }


def position_document(position: Position) -> Document:
    """A position as the broker reports it."""
    return {
        "account": position.account_id,
        "symbol": position.symbol,
        "sec_type": position.sec_type,
        "currency": position.currency,
        "position_qty": decimal_text(position.position_qty),
        "avg_cost": decimal_or_none(position.avg_cost),
        "baseline_qty": decimal_text(position.baseline_qty),
        "reported_at": time_text(position.reported_at),
    }


def account_value_document(value: AccountValue) -> Document:
    """An account value as the broker reports it; text, because not every value is a number."""
    return {
        "account": value.account_id,
        "key": value.key,
        "currency": value.currency,
        "value": value.value,
        "reported_at": time_text(value.reported_at),
    }


def session_document(session: GatewaySession, accounts: Iterable[str], in_force: InForce | None) -> Document:
    """State of a broker session, with those of its accounts that the caller may see.

    `in_force` is the trading state that it is under, None when that is ACTIVE.
    """
    return {
        "name": session.name,
        "accounts": sorted(accounts),
        "link": session.link,
        "link_reason": session.link_reason,
        "state": in_force.state if in_force else TradingState.ACTIVE.value,
        "state_reason": str(in_force) if in_force else "",
        "breaker": session.breaker,
        "server_version": session.server_version,
        "link_changed_at": time_or_none(session.link_changed_at),
        "connected_at": time_or_none(session.connected_at),
        "reconciled_at": time_or_none(session.reconciled_at),
        "heartbeat_at": time_or_none(session.heartbeat_at),
    }
