"""Repeats of a request: in other words, or of one whose order our books had lost.

In other words: our own answer names the contract and what else was not given; a client that sends these back
asks for the same order.

Lost: the broker has the order, so the client is given it.

Its reference names client and ClOrdID by a digest (`models.order.OrderIds`), and the statement that records
orders leaves out those whose digest is that of a lost order (`store.orders`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from brokers.order_attributes import ATTRIBUTE_FIELDS
from brokers.postgres import clock
from orders.entry.limits.rules import rules_cache
from orders.entry.reading.ticket import Ticket
from orders.models import Cause, EventKind, LostOrder, Order, Source, UsedId
from orders.models.references import digest_of
from orders.risk.report import CheckResult
from orders.store.orders import store_orders

if TYPE_CHECKING:
    from django.contrib.auth.models import User

#: What an order keeps of its ticket under the same name.
TERMS = sorted(
    {*Ticket.__struct_fields__}
    - {*ATTRIBUTE_FIELDS, "cl_ord_id", "account", "instrument", "max_age", "if_backlog", "override"}
)


def asks_for(first: Order, ticket: Ticket) -> bool:
    """Whether a request asks for this very order, in the same words or in others."""
    if first.request_hash == ticket.fingerprint():
        return True
    instrument = rules_cache.rules().instrument(ticket.instrument)
    if (
        instrument is None
        or ticket.override
        or (instrument.pk, ticket.account) != (first.instrument_id, first.account_id)
    ):
        return False
    fresh_for = (first.fresh_until - first.received_at).total_seconds()
    same = all(getattr(first, name) == getattr(ticket, name) for name in TERMS)
    waits = first.if_backlog == ticket.backlog_policy and abs(fresh_for - ticket.fresh_for) < 0.001
    return same and waits and first.special == ticket.special()


def adopt(draft: Order, client: User) -> Order | None:
    """Give the client the lost order that its draft repeats; None when there is none, or it differs."""
    with transaction.atomic():
        lost = (
            LostOrder.objects.select_for_update()
            .filter(digest=digest_of(draft.order_ref), claimed_at=None)
            .first()
        )
        order = Order.objects.select_for_update().get(pk=lost.order_id) if lost else None
        if lost is None or order is None or not _same(order, draft):
            return None
        now = clock.now()
        text = f"the client repeated its request: this is its {draft.cl_ord_id}"
        order.record_event(EventKind.BROKER_NOTICE, Cause(actor=f"client:{client}", at=now, text=text))
        store_orders([order])
        told = ("cl_ord_id", "request_hash", "special", "ord_type", "time_in_force", "on_unconfirmed")
        Order.objects.filter(pk=order.pk).update(
            source=Source.API,
            order_ref=lost.order_ref,
            claimed_at=order.claimed_at or order.received_at,
            client=client,
            **{name: getattr(draft, name) for name in told},
        )
        UsedId.objects.bulk_create([UsedId(client=client, cl_ord_id=draft.cl_ord_id)], ignore_conflicts=True)
        LostOrder.objects.filter(pk=lost.pk).update(claimed_at=now, rebuilt_at=now)
    return Order.objects.select_related("instrument").prefetch_related("requests").get(pk=order.pk)


def lost_orders(waiting: Iterable[Order]) -> dict[Order, CheckResult]:
    """Of orders that wait to be sent those that repeat one that the broker has, with what fails them.

    There are some only where both were recorded in one instant: the record statement leaves out the others.
    """
    by_digest = {digest_of(order.order_ref): order for order in waiting}
    found = LostOrder.objects.filter(digest__in=by_digest, claimed_at=None).select_related("order")
    return {
        by_digest[lost.digest]: CheckResult(
            check="lost_history",
            passed=False,
            value=f"{lost.order_ref}, here order {lost.order.cl_ord_id}",
            limit="not at the broker",
            code="AT_BROKER_ALREADY",
        )
        for lost in found
    }


def _same(order: Order, draft: Order) -> bool:
    """Whether the repeat asks for what the broker has; a sale may be short only by our word."""
    facts = ("account_id", "side", "order_qty", "price", "stop_px")
    same_way = order.side.split("_")[0] == draft.side.split("_")[0]
    contract = order.instrument.con_id is None or order.instrument.con_id == draft.instrument.con_id
    return same_way and contract and all(getattr(order, n) == getattr(draft, n) for n in facts if n != "side")
