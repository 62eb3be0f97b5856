"""How orders of a group depend on each other: which exits are one leg, and what ends with what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orders.models.group import GroupKind
from orders.models.states import ALIVE

if TYPE_CHECKING:
    from orders.models.order import Order

#: Exits without a group of their own at the broker are one leg: it makes them one by their parent.
ONE_LEG = ""


def leg_of(order: Order) -> str:
    """The exits of a leg end each other: a take profit and its stop."""
    return str(order.links.get("oca_group", ONE_LEG))


def ends_with(canceled: Order, other: Order) -> bool:
    """Whether a client's cancel of the first ends the second too: two orders of one group."""
    if canceled.group is None or canceled.pk == other.pk or canceled.group_id != other.group_id:
        return False
    if canceled.group.kind == GroupKind.OCA or not canceled.group_rank:
        return True
    return bool(other.group_rank) and leg_of(canceled) == leg_of(other)


def ended_with(order: Order, members: Sequence[Order]) -> list[Order]:
    """The living orders that a client's cancel of this one ends too, until one of those has executed."""
    tied = [other for other in members if ends_with(order, other)]
    is_entry = order.group is not None and order.group.kind == GroupKind.BRACKET and not order.group_rank
    if not is_entry and any(one.cum_qty for one in (order, *tied)):
        return []
    return [other for other in tied if other.state in ALIVE]
