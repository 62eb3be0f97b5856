"""Groups of orders: recorded whole and canceled together. `group_watch` looks after them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction

from brokers.fix import OrdType, Side, TimeInForce
from orders.entry import second_person
from orders.entry.backlog import priority_now
from orders.entry.cancel import cancel_order
from orders.entry.limits.intentions import unasked_marks
from orders.entry.limits.rules import Rules, rules_cache
from orders.entry.limits.use import reject_beyond_use
from orders.entry.place import drafted
from orders.entry.reading.ticket import Ticket
from orders.entry.resolution import Questions, price_tickets, resolve_ticket
from orders.errors import ClOrdIdReused, InstrumentUnknown, OrderError, OrderOver, TicketInvalid
from orders.models import (
    ALIVE,
    Cause,
    GroupKind,
    OcaType,
    Order,
    OrderGroup,
    OrderRequest,
    Source,
    State,
)
from orders.notify import wakeup
from orders.sending.claim import oca_name
from orders.sending.unknown_outcome import reject_order
from orders.sending.waiting import LARGEST_GROUP
from orders.store.orders import record_orders

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MIN_ORDERS, MAX_ORDERS = 2, LARGEST_GROUP
OCA_TYPES = {OcaType.CANCEL: 1, OcaType.REDUCE: 2, OcaType.REDUCE_WITHOUT_BLOCK: 3}
#: Exits wait as long as their entry does: it is the entry that becomes stale.
EXITS_STAY_FRESH = timedelta(days=30)
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
STOPS = (OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAIL, OrdType.TRAIL_LIMIT)
#: Exits of a leg reduce each other as they execute, with block: never both at once.
LEG_OCA_TYPE = OCA_TYPES[OcaType.REDUCE]


class ListIdReused(OrderError):
    """The same list_id was used before for another group; that group is not disturbed."""

    code = "CL_ORD_ID_REUSED"

    def __init__(self, list_id: str) -> None:
        super().__init__(f"list_id {list_id} already names another group; nothing was stored.")


@dataclass(frozen=True, kw_only=True)
class GroupTicket:
    """A group as asked for; of a bracket the first order is the entry."""

    list_id: str
    kind: GroupKind
    orders: tuple[Ticket, ...]
    oca_type: OcaType = OcaType.CANCEL

    def fingerprint(self) -> str:
        """SHA-256 of what was asked."""
        parts = [self.kind, self.oca_type, *(ticket.fingerprint() for ticket in self.orders)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class PlacedGroup:
    """The recorded group with its orders by rank; `created` False when it had been recorded before."""

    group: OrderGroup
    orders: list[Order]
    created: bool


def place_group(ticket: GroupTicket, *, client: User, source: Source, received_at: datetime) -> PlacedGroup:
    """Check and record a group in one transaction; the broker worker sends it whole.

    If a check refuses one order, all are recorded as REJECTED. Raises TicketInvalid (nothing is stored),
    ListIdReused and ClOrdIdReused. The same request again gives the first group.
    """
    if known := _placed_before(ticket, client):
        return known
    if errors := group_errors(ticket):
        raise TicketInvalid(errors)
    _resolve(ticket, client.get_username())
    while True:
        rules = rules_cache.rules()
        drafts = _drafts(ticket, rules, client=client, source=source, received_at=received_at)
        if rules_cache.forget_outdated():
            continue
        try:
            placed = _record(ticket, drafts, rules, client, received_at)
        except IntegrityError:  # somebody recorded the same list_id meanwhile
            if known := _placed_before(ticket, client):
                return known
            raise
        if placed:
            wakeup.start_submission(placed.group.session_id)
            return placed
        rules_cache.forget_outdated()


def preview_group(ticket: GroupTicket, *, client: User, received_at: datetime) -> list[Order]:
    """The orders as they would be recorded, each with its check report; nothing is stored or promised.

    Raises TicketInvalid like `place_group`.
    """
    if errors := group_errors(ticket):
        raise TicketInvalid(errors)
    rules_cache.forget_outdated()
    rules = rules_cache.rules()
    drafts = _drafts(ticket, rules, client=client, source=Source.DESK, received_at=received_at)
    _tie(_group(ticket, drafts, client, received_at), drafts)
    reject_beyond_use([drafts], rules, lock=False)
    return drafts


def _placed_before(ticket: GroupTicket, client: User) -> PlacedGroup | None:
    group = OrderGroup.objects.filter(client=client, list_id=ticket.list_id).first()
    if group is None:
        return None
    if group.request_hash != ticket.fingerprint():
        raise ListIdReused(ticket.list_id)
    return PlacedGroup(group=group, orders=orders_of(group), created=False)


def orders_of(group: OrderGroup) -> list[Order]:
    """The group's orders by rank, with what showing them needs."""
    rows = group.orders.select_related("instrument", "group").prefetch_related("requests")
    return list(rows.order_by("group_rank"))


def group_errors(ticket: GroupTicket) -> dict[str, list[str]]:
    """What makes this no group, by field."""
    errors: dict[str, list[str]] = {}
    first = ticket.orders[0]
    for number, order in enumerate(ticket.orders):
        if order.account != first.account:
            errors[f"orders.{number}.account"] = ["All orders of a group are for one account."]
        if order.time_in_force in IMMEDIATE and (number or ticket.kind == GroupKind.OCA):
            errors[f"orders.{number}.time_in_force"] = [f"{order.time_in_force} cannot wait in a group."]
    if len({order.cl_ord_id for order in ticket.orders}) < len(ticket.orders):
        errors["orders"] = ["Each order of a group needs a cl_ord_id of its own."]
    if ticket.kind == GroupKind.BRACKET:
        for number, order in enumerate(ticket.orders[1:], start=1):
            _check_exit(errors, f"orders.{number}", first, order)
        _check_legs(errors, ticket.orders)
    return errors


def _check_exit(errors: dict[str, list[str]], path: str, entry: Ticket, order: Ticket) -> None:
    if (order.side == Side.BUY) == (entry.side == Side.BUY):
        errors[f"{path}.side"] = [f"An exit of a {entry.side} entry is on the other side."]
    if order.instrument != entry.instrument:
        errors[f"{path}.instrument"] = ["An exit is in the entry's instrument."]


def _check_legs(errors: dict[str, list[str]], orders: Sequence[Ticket]) -> None:
    """Exits have the entry's quantity, or are legs: a take profit and a stop of the same quantity each.

    A broker reduces the exits that end each other in proportion, so one stop cannot be for two take profits.
    """
    entry, exits = orders[0], orders[1:]
    if all(order.order_qty == entry.order_qty for order in exits):
        return
    whole = f"An exit has the entry's quantity, {entry.order_qty:f}, or is one of several take profits"
    for leg in legs(orders):
        sizes = {orders[number].order_qty for number in leg}
        if len(sizes) > 1:
            number = max(leg)
            words = f"{whole} with a stop of its own quantity."
            errors[f"orders.{number}.order_qty"] = [words]
    alone = {len(leg) for leg in legs(orders)}
    total = sum(max(orders[number].order_qty for number in leg) for leg in legs(orders))
    if len(alone) > 1:
        errors["orders"] = ["Of several take profits each needs a stop of its own, or none has one."]
    elif total != entry.order_qty and not errors:
        number = len(orders) - 1
        words = f"{whole}, which together have it: they have {total:f}."
        errors[f"orders.{number}.order_qty"] = [words]


def legs(orders: Sequence[Ticket]) -> list[list[int]]:
    """The exits of a bracket by leg, as numbers of its orders: the first take profit with the first stop."""
    exits = range(1, len(orders))
    stops = [number for number in exits if orders[number].ord_type in STOPS]
    profits = [number for number in exits if number not in stops]
    pairs = zip_longest(profits, stops)
    return [[number for number in pair if number is not None] for pair in pairs]


def _resolve(ticket: GroupTicket, user: str) -> None:
    """Let the broker name what is not known here, before any rule is looked at."""
    asked = Questions()
    errors: dict[str, list[str]] = {}
    for number, order in enumerate(ticket.orders):
        try:
            resolve_ticket(order, asked)
        except InstrumentUnknown as error:
            errors |= {f"orders.{number}.{field}": texts for field, texts in error.errors.items()}
    if errors:
        raise TicketInvalid(errors)
    price_tickets(ticket.orders, user)


def _drafts(
    ticket: GroupTicket, rules: Rules, *, client: User, source: Source, received_at: datetime
) -> list[Order]:
    orders: list[Order] = []
    errors: dict[str, list[str]] = {}
    for number, one in enumerate(ticket.orders):
        try:
            orders.append(drafted(one, rules, client=client, source=source, received_at=received_at))
        except TicketInvalid as error:
            errors |= {f"orders.{number}.{field}": texts for field, texts in error.errors.items()}
    if errors:
        raise TicketInvalid(errors)
    return orders


def _record(
    ticket: GroupTicket, orders: list[Order], rules: Rules, client: User, received_at: datetime
) -> PlacedGroup | None:
    """Record group and orders together; None when the rules have changed since they were checked."""
    group = _group(ticket, orders, client, received_at)
    _tie(group, orders)
    if ticket.kind == GroupKind.BRACKET:
        _tie_legs(group, ticket, orders)
    if any(order.state == State.REJECTED for order in orders):
        _refuse_all(orders, received_at)
    for order in orders:
        order.priority = priority_now(order)
    with transaction.atomic():
        reject_beyond_use([orders], rules)
        approval = second_person.hold(orders, whole=True)
        group.save(force_insert=True)
        marks = unasked_marks(orders, rules)
        recorded = record_orders(orders, ruleset=rules.ruleset_version, marks=marks)
        if recorded is None:
            transaction.set_rollback(True)
            return None
        taken = [order for order in orders if order.id not in recorded.ids]
        if taken:
            transaction.set_rollback(True)
            raise ClOrdIdReused(taken[0])
        if approval:
            approval.save(force_insert=True)
    return PlacedGroup(group=group, orders=orders, created=True)


def _group(ticket: GroupTicket, orders: Sequence[Order], client: User, received_at: datetime) -> OrderGroup:
    return OrderGroup(
        client=client,
        list_id=ticket.list_id,
        request_hash=ticket.fingerprint(),
        kind=ticket.kind,
        oca_type=ticket.oca_type,
        session=orders[0].session,
        received_at=received_at,
        covered_qty=orders[0].order_qty if ticket.kind == GroupKind.BRACKET else None,
    )


def _tie(group: OrderGroup, orders: Sequence[Order]) -> None:
    fresh_until = min(order.fresh_until for order in orders)
    for rank, order in enumerate(orders):
        order.group, order.group_rank = group, rank
        if group.kind == GroupKind.OCA:
            oca_type = OCA_TYPES[OcaType(group.oca_type)]
            order.links = {"oca_group": oca_name(group.id), "oca_type": oca_type}
            order.fresh_until = fresh_until
        elif rank:
            order.fresh_until += EXITS_STAY_FRESH


def _tie_legs(group: OrderGroup, ticket: GroupTicket, orders: Sequence[Order]) -> None:
    """Several legs are groups of their own at the broker; of one leg it makes a group by itself."""
    found = legs(ticket.orders)
    if all(order.order_qty == orders[0].order_qty for order in orders[1:]):
        return
    for name, leg in enumerate(found, start=1):
        for number in leg:
            orders[number].links = {"oca_group": f"{oca_name(group.id)}-{name}", "oca_type": LEG_OCA_TYPE}


def _refuse_all(orders: Sequence[Order], at: datetime) -> None:
    """A check has refused one: whole or not at all."""
    for order in orders:
        if order.state != State.REJECTED:
            reject_order(order, "GROUP_BROKEN", Cause(actor="checks", at=at))


# --- canceling ----------------------------------------------------------------------------------------
def cancel_group(group: OrderGroup, *, actor: str, at: datetime) -> list[OrderRequest]:
    """Ask for the cancel of every order of the group that is alive; the last one first, the entry last."""
    asked = []
    for order_id in group.orders.filter(state__in=ALIVE).order_by("-group_rank").values_list("id", flat=True):
        try:
            asked.append(cancel_order(order_id, actor=actor, at=at))
        except OrderOver:
            continue  # the broker ended it meanwhile
    return asked


def find_group(group_id: UUID, accounts: Sequence[str]) -> OrderGroup:
    """A group whose orders are all of these accounts; raises OrderGroup.DoesNotExist."""
    group = OrderGroup.objects.get(pk=group_id)
    if group.orders.exclude(account__in=accounts).exists():
        raise OrderGroup.DoesNotExist
    return group
