"""Orders that are not ours: recorded as EXTERNAL with what the broker says, never dropped, never touched.

Stored leniently, as far as the columns allow: a text that is too long is clipped (hashed where it identifies
something), a number that no column holds is none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import uuid_utils.compat as uuid_utils

from brokers.fix import SecType
from brokers.messages import ExecutionReport, InstrumentRef, OrderIdentity, OrderReport, ReportedTerms
from brokers.models import InboxMessage, Instrument
from brokers.postgres import storable
from orders.booking.matching import WAYS
from orders.booking.request_answers import was_changed_since
from orders.booking.working_set import WorkingSet
from orders.models import Cause, EventKind, Order, Source
from orders.models.reconciliation.lost import MORE
from orders.store.orders import record_orders

ZERO = Decimal(0)
#: The type of an order of which only executions were told.
UNKNOWN = "UNKNOWN"
#: So many later versions of an execution are looked for when its first one comes after them.
LATER_VERSIONS = 9


def adopt_order(working_set: WorkingSet, report: OrderReport, cause: Cause) -> Order | None:
    """Record the order of a report; None when the report does not say enough to identify it."""
    if report.terms is None or not storable.whole(report.identity.perm_id):
        return None
    name = _name(working_set, report.identity.perm_id)
    if any(order.order_ref == name for order in working_set.orders.values()):  # of another account
        name = _name(working_set, f"{report.identity.perm_id}-{report.terms.account}")
    return _record(working_set, report.identity, report.terms, cause, name=name)


def adopt_execution(working_set: WorkingSet, report: ExecutionReport, cause: Cause) -> Order:
    """Record the order of an execution, as far as the execution tells: at least so much was ordered.

    A trade from outside the broker (an exercise, a transfer) has no perm_id: it is an order by itself.
    """
    name = _name(working_set, storable.whole(report.identity.perm_id) or report.exec_root or report.exec_id)
    if not storable.whole(report.identity.perm_id) and (known := working_set.fetch(name)):
        return known
    terms = ReportedTerms(
        account=report.account,
        instrument=report.instrument,
        side=report.side,
        order_qty=max(storable.number(report.cum_qty) or ZERO, report.last_qty),
        ord_type=UNKNOWN,
        time_in_force="",
    )
    return _record(working_set, report.identity, terms, cause, name=name)


def _name(working_set: WorkingSet, key: int | str) -> str:
    """The reference of an order that is not ours, by what the broker knows it by."""
    return storable.key(f"EXT-{working_set.session}-{key}", 64)


def grow(order: Order, report: ExecutionReport) -> None:
    """An order of somebody else is at least as large as what is executed of it, whatever was said before.

    Of a group order `report` may count its own account only; of a combination it may be about a leg, of any
    other about its hedge.
    """
    if order.is_combination and report.sec_type != SecType.BAG:
        return
    if order.is_beside(report.sec_type, storable.whole(report.instrument.con_id)):
        return
    executed = max(storable.number(report.cum_qty) or ZERO, order.cum_qty)
    if order.source == Source.EXTERNAL and executed > order.order_qty:
        order.order_qty = executed


def become_whole(order: Order, report: OrderReport | ExecutionReport) -> bool:
    """Whether somebody's order, of which a leg or a hedge was told first, turns out to be another.

    A combination and its legs, an option and the shares that hedge it are told under one permId, in any
    order; what was executed counts by the whole.
    """
    said = report.terms if isinstance(report, OrderReport) else report
    if said is None or order.source != Source.EXTERNAL or order.is_combination:
        return False
    shown = said.instrument
    is_other = order.ord_type == UNKNOWN and order.is_beside(shown.sec_type, storable.whole(shown.con_id))
    if shown.sec_type != SecType.BAG and not (is_other and isinstance(report, OrderReport)):
        return False
    _rewrite(order, instrument=_instrument(_storable_reference(said.instrument)), side=said.side)
    del order.traded
    if isinstance(report, ExecutionReport):
        order.order_qty = max(storable.number(report.cum_qty) or ZERO, report.last_qty)
    return True


def is_busted(session: str, report: ExecutionReport) -> bool:
    """Whether an execution of an order that nobody knows is, or was meanwhile, taken back whole."""
    if not report.last_qty and not report.cum_qty:
        return True
    root, _, version = report.exec_id.rpartition(".")
    if not (root and version.isdigit()):
        return False
    later = range(int(version) + 1, int(version) + 1 + LATER_VERSIONS)
    keys = [storable.key(f"exec:{report.account}:{root}.{number:02}") for number in later]
    heard = InboxMessage.objects.filter(session_id=session, dedup_key__in=keys).exclude(applied_at=None)
    return any(not Decimal(event.get("last_qty", 0)) for event in heard.values_list("event", flat=True))


def follow_terms(order: Order, report: OrderReport, cause: Cause) -> None:
    """Somebody else may change their order at any time; ours change only by our own requests."""
    if report.terms is None or order.source != Source.EXTERNAL:
        return
    terms = _storable(report.terms, present=order.order_qty, executed=order.cum_qty)
    before = (order.order_qty, order.price, order.stop_px)
    after = (terms.order_qty, terms.price, terms.stop_px)
    is_told_first = order.ord_type == UNKNOWN != terms.ord_type
    if is_told_first:  # its executions were told before it
        _rewrite(order, ord_type=terms.ord_type, time_in_force=terms.time_in_force)
    if (before != after and not was_changed_since(order, report)) or is_told_first:
        order.order_qty, order.price, order.stop_px = after
        order.record_event(EventKind.TERMS_CHANGED, cause.saying(data=_more(terms)))


def _rewrite(order: Order, **facts: Any) -> None:
    """Change what `store_orders` does not write, as it never changes of an order of ours."""
    for name, value in facts.items():
        setattr(order, name, value)
    Order.objects.filter(pk=order.pk).update(**facts)


def _record(
    working_set: WorkingSet, identity: OrderIdentity, terms: ReportedTerms, cause: Cause, *, name: str
) -> Order:
    if terms.side not in WAYS:
        raise ValueError(f"an order must buy or sell, not {storable.text(terms.side, 20)!r}")
    terms = _storable(terms)
    order = Order(
        id=uuid_utils.uuid7(),
        source=Source.EXTERNAL,
        cl_ord_id=name,
        order_ref=name,
        account_id=working_set.account(terms.account) if terms.account else None,
        session_id=working_set.session,
        instrument=_instrument(terms.instrument),
        side=terms.side,
        order_qty=terms.order_qty,
        ord_type=terms.ord_type,
        price=terms.price,
        stop_px=terms.stop_px,
        time_in_force=terms.time_in_force,
        perm_id=storable.whole(identity.perm_id) or None,
        broker_client_id=storable.whole(identity.client_id, storable.INT),
        broker_order_id=identity.broker_order_id if identity.has_order_id else None,
        fresh_until=cause.at,
        received_at=cause.at,
    )
    said = {"order_ref": storable.text(identity.order_ref, 200), **_more(terms)}
    seen = cause.saying("seen at the broker, not placed by us", said)
    order.record_event(EventKind.RECORDED, seen, from_state="")
    record_orders([order], queued=False)
    working_set.add_order(order)
    return order


def _more(terms: ReportedTerms) -> dict[str, Any]:
    """What an event keeps of terms that the order's columns do not have."""
    return {MORE: list(terms.more)} if terms.more else {}


def _storable(
    terms: ReportedTerms, *, present: Decimal = storable.STEP, executed: Decimal = storable.STEP
) -> ReportedTerms:
    """The terms as the columns hold them.

    An order by amount of money, and one that was canceled, say no quantity: it stays as it was known, and a
    column takes none of zero.
    """
    quantity = storable.number(terms.order_qty)
    if quantity is None and terms.order_qty.is_finite():
        quantity = storable.LARGEST
    if quantity is None or quantity <= 0:
        quantity = present
    return msgspec.structs.replace(
        terms,
        account=storable.key(terms.account, 32),
        instrument=_storable_reference(terms.instrument),
        order_qty=max(quantity, executed),
        ord_type=storable.text(terms.ord_type, 16),
        time_in_force=storable.text(terms.time_in_force, 8),
        price=storable.number(terms.price),
        stop_px=storable.number(terms.stop_px),
    )


def _storable_reference(ref: InstrumentRef) -> InstrumentRef:
    return msgspec.structs.replace(
        ref,
        symbol=storable.key(ref.symbol, 32),
        sec_type=storable.text(ref.sec_type, 16),
        exchange=storable.text(ref.exchange, 16),
        currency=storable.text(ref.currency, 3),
        con_id=storable.whole(ref.con_id),
        maturity=storable.text(ref.maturity, 8),
        strike_price=storable.number(ref.strike_price),
        put_or_call=storable.text(ref.put_or_call, 4),
        local_symbol=storable.key(ref.local_symbol, 40),
        trading_class=storable.key(ref.trading_class, 20),
        multiplier=storable.number(ref.multiplier) or Decimal(1),
    )


def _instrument(ref: InstrumentRef) -> Instrument:
    """The instrument by the broker's number, else by its description.

    One that nobody here knows is stored as not confirmed: no look-up for an order of ours may find it.
    """
    described = {
        "symbol": ref.symbol,
        "sec_type": ref.sec_type,
        "exchange": ref.exchange,
        "currency": ref.currency,
        "maturity": ref.maturity,
        "strike_price": ref.strike_price,
        "put_or_call": ref.put_or_call,
        "trading_class": ref.trading_class,
        "local_symbol": ref.local_symbol,
    }
    if ref.con_id:
        known = Instrument.objects.filter(con_id=ref.con_id, sec_type=ref.sec_type).order_by("pk")
        found = known.filter(exchange=ref.exchange).first() or known.first()
    else:
        found = Instrument.objects.filter(**described, legs=[]).order_by("-confirmed", "pk").first()
    return found or _store_unconfirmed(ref, described)


def _store_unconfirmed(ref: InstrumentRef, described: dict[str, Any]) -> Instrument:
    facts = {**described, "multiplier": ref.multiplier}
    if not ref.con_id:
        return Instrument.objects.create(**facts, confirmed=False)
    # Of another kind under the same number: the number stays with the row that has it.
    row, _ = Instrument.objects.get_or_create(
        con_id=ref.con_id, exchange=ref.exchange, defaults={**facts, "confirmed": False}
    )
    return row
