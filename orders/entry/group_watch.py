"""What becomes of groups: taken back when they could not be placed whole, their exits kept to their entry.

Steps of the sweep, each harmless to repeat. A group is looked at when one of its orders has moved since the
last time, so that many groups which only wait keep none from its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Sum

from brokers.formats import decimal_text
from brokers.postgres import clock
from orders.entry.cancel import cancel_order
from orders.entry.groups import cancel_group
from orders.entry.replace import Change, replace_order
from orders.errors import OrderError
from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    Alert,
    AlertKind,
    Cause,
    GroupKind,
    OcaType,
    Order,
    OrderGroup,
    OrderRequest,
    RequestKind,
    RequestState,
    State,
)
from orders.models.reasons import reason
from orders.notify.alerts import clear_alert, raise_alert
from orders.risk.exits import Exit, covered_qty, exit_of, resized
from orders.sending.unknown_outcome import cancel_unsent
from orders.store.orders import store_orders

ACTOR = "groups"
BATCH_SIZE = 200
FAILED_STATES = (State.REJECTED, State.FAILED)
ZERO = Decimal(0)


def settle_groups(session: str) -> int:
    """Take back what cannot be whole, and make exits follow their entry; how many groups were looked at."""
    sent = Order.objects.filter(group=OuterRef("pk"), state=State.SENT)
    groups = OrderGroup.objects.filter(~Exists(sent), session_id=session, settled_at=None)
    moved = groups.annotate(version=Sum("orders__version")).exclude(version=F("looked_version"))
    looked = list(moved.order_by("id")[:BATCH_SIZE])
    for group in looked:
        _settle(group)
    return len(looked)


def _settle(group: OrderGroup) -> None:
    """Look at one group. That it was looked at is kept last: what a crash cuts short is done again."""
    now = clock.now()
    with transaction.atomic():
        orders = list(Order.objects.select_for_update().filter(group=group).order_by("id"))
        orders.sort(key=lambda order: order.group_rank or 0)
        version = sum(order.version for order in orders)
        why = breaks(GroupKind(group.kind), orders)
        if why:
            _take_back(group, orders, why, now)
        else:
            _watch(group, orders)
        if all(order.state not in ALIVE for order in orders):
            group.settled_at = now
        group.save(update_fields=["broken", "settled_at"])
    if why:
        cancel_group(group, actor=ACTOR, at=now)
    elif group.kind == GroupKind.BRACKET:
        _follow_entry(group, orders[0], orders[1:], now)
    group.looked_version = version
    group.save(update_fields=["looked_version", "covered_qty"])


def breaks(kind: GroupKind, orders: Sequence[Order]) -> str:
    """Why what is left of a group must not live on; empty when it may."""
    unsent = [order for order in orders if order.state == State.CREATED]
    if kind == GroupKind.OCA:
        return "one of the group has executed" if unsent and any(o.cum_qty for o in orders) else ""
    entry, exits = orders[0], orders[1:]
    if entry.cum_qty:
        return ""  # exits protect a position now: none is taken back
    failed = next((order for order in orders if order.state in FAILED_STATES), None)
    if failed is not None and any(order.state in ALIVE for order in orders):
        return f"{failed.cl_ord_id} is {failed.state}: {failed.reason_text}"
    if entry.state not in ALIVE and any(order.state in ALIVE for order in exits):
        return f"the entry is {entry.state}"
    return ""


def _take_back(group: OrderGroup, orders: Sequence[Order], why: str, now: datetime) -> None:
    """What has not left us ends here; what may be at the broker is canceled there."""
    if not group.broken:
        group.broken = why
    for order in orders:
        if order.state == State.CREATED:
            cancel_unsent(order, Cause(actor=ACTOR, at=now, text=why))
            order.reason_code, order.reason_text = "GROUP_BROKEN", f"{reason('GROUP_BROKEN').text} ({why})"
    store_orders(orders)


# --- what only a person can put right ----------------------------------------------------------------------
def _watch(group: OrderGroup, orders: Sequence[Order]) -> None:
    """Call a person, once, to what no order of the group can put right any more."""
    if group.kind == GroupKind.OCA:
        found = _executed_together(group, orders)
    else:
        found = _without_exit(group, orders) or _beyond_entry(group, orders)
    if found and group.broken != found[1]:
        order, group.broken = found
        raise_alert(AlertKind.GROUP_BROKEN, text=group.broken, order=order)
    elif group.broken and not found:
        _clear(group, orders)


def _clear(group: OrderGroup, orders: Sequence[Order]) -> None:
    """What was told came of an execution that was told late. A group that was taken back stays broken."""
    alerts = Alert.objects.filter(kind=AlertKind.GROUP_BROKEN, text=group.broken, cleared_at=None)
    for alert in alerts.filter(order__in=[order.pk for order in orders]).select_related("order"):
        clear_alert(AlertKind.GROUP_BROKEN, order=alert.order)
        group.broken = ""


Trouble = tuple[Order, str] | None


def _without_exit(group: OrderGroup, orders: Sequence[Order]) -> Trouble:
    """An entry that executed while an exit failed, or all of them ended unasked: nothing protects it."""
    entry, exits = orders[0], orders[1:]
    position = entry.cum_qty - _executed(exits)
    if position <= 0:
        return None
    failed = next((order for order in exits if order.state in FAILED_STATES), None)
    if failed is not None:
        return failed, f"{failed.cl_ord_id} of list {group.list_id} is {failed.state}, its entry has executed"
    if any(order.state in ALIVE for order in exits) or _was_asked(exits):
        return None
    return entry, f"{decimal_text(position)} of list {group.list_id} is held without an exit: all have ended"


def _beyond_entry(group: OrderGroup, orders: Sequence[Order]) -> Trouble:
    """Two exits of one leg executed at once, or the entry was busted after them: the position is turned.

    An entry that may still execute may have done so already.
    """
    entry, exits = orders[0], orders[1:]
    over = _executed(exits) - covered_qty(entry)
    if over <= 0:
        return None
    return entry, f"the exits of list {group.list_id} executed {decimal_text(over)} more than their entry"


def _executed_together(group: OrderGroup, orders: Sequence[Order]) -> Trouble:
    """Alternatives that both executed: where one reduces the others, more of them than of one alone."""
    executed = [order for order in orders if order.cum_qty]
    if len(executed) < 2:
        return None
    if group.oca_type != OcaType.CANCEL:
        sizes = {order.pk: _largest(order) for order in executed}
        twice = sum(order.cum_qty >= sizes[order.pk] for order in executed) > 1
        alike = len(set(sizes.values())) == 1  # the broker rounds what it reduces in proportion
        if not twice and not (alike and _executed(executed) > max(sizes.values())):
            return None
    names = " and ".join(order.cl_ord_id for order in executed)
    return executed[-1], f"{names} of list {group.list_id} have executed, though one ends the other"


def _executed(orders: Sequence[Order]) -> Decimal:
    return sum((order.cum_qty for order in orders), ZERO)


def _largest(order: Order) -> Decimal:
    """The most that it was ever for: the broker lowers it as the others execute."""
    sent = (Decimal(attempt.payload["order_qty"]) for attempt in order.attempts.all())
    return max(order.order_qty, *sent, ZERO)


def _was_asked(exits: Sequence[Order]) -> bool:
    asked = OrderRequest.objects.filter(
        order__in=[order.pk for order in exits], kind=RequestKind.CANCEL, state=RequestState.ACCEPTED
    )
    return asked.exclude(requested_by=ACTOR).exists()


# --- a position and its exits -----------------------------------------------------------------------------
def _follow_entry(group: OrderGroup, entry: Order, exits: Sequence[Order], now: datetime) -> None:
    """Ask for exits of the size that their entry has executed and may still execute.

    An entry that is asked to become smaller waits until they are (`sending.claim`): at no moment may they
    execute more than it. They grow back if it was not made smaller, and grow after it, never before.
    """
    asked = _open_requests([entry, *exits])
    smaller = _as_wanted(entry, asked)
    cover = min(covered_qty(entry), smaller.cum_qty + smaller.leaves_qty)
    last = cover if group.covered_qty is None else group.covered_qty
    known = [_as_wanted(order, asked) for order in exits]
    for key, quantity in resized(known, cover, min(cover, entry.order_qty) - last).items():
        order = next(order for order in exits if order.pk == key)
        if not any(request.kind == RequestKind.CANCEL for request in asked if request.order_id == key):
            _resize(group, order, quantity, now)
    group.covered_qty = cover


def _open_requests(orders: Sequence[Order]) -> list[OrderRequest]:
    found = OrderRequest.objects.filter(order__in=[order.pk for order in orders], state__in=OPEN_REQUESTS)
    return list(found.order_by("id"))


def _as_wanted(order: Order, asked: Sequence[OrderRequest]) -> Exit:
    """The exit with the quantity of the last replace that is under way."""
    quantity = order.order_qty
    for request in asked:
        if request.order_id == order.pk and request.kind == RequestKind.REPLACE:
            quantity = request.terms.order_qty
    return exit_of(order, quantity)


def _resize(group: OrderGroup, order: Order, quantity: Decimal, now: datetime) -> None:
    """Ask for it, once: what was refused is a person's."""
    refused = order.requests.filter(
        kind=RequestKind.REPLACE, state=RequestState.REFUSED, requested_by=ACTOR, order_qty=quantity
    ).first()
    words = refused.reason_text if refused else ""
    if not words:
        words = _ask(order, quantity, now)
    if words:
        text = f"{order.cl_ord_id} of list {group.list_id} should be for {quantity.normalize():f}: {words}"
        raise_alert(AlertKind.GROUP_BROKEN, text=text, order=order)


def _ask(order: Order, quantity: Decimal, now: datetime) -> str:
    """Ask for the quantity; why that could not be asked, empty when it was."""
    try:
        if quantity > order.cum_qty:
            change = Change(cl_ord_id=f"exit-{uuid4()}", order_qty=quantity)
            replace_order(order.id, change, actor=ACTOR, at=now)
        else:
            cancel_order(order.id, actor=ACTOR, at=now)
    except OrderError as error:
        return str(error)
    return ""
