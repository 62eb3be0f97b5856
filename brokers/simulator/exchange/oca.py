"""One-cancels-all groups: a fill of one order cancels the others, or makes them smaller.

IB's types: 1 cancels the rest at once, 2 reduces them in proportion at once ("with block": no other order
of the group can fill meanwhile), 3 reduces them after the fact, so that it may overfill.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum

from brokers.simulator.exchange.orders import Displaced, MarketEvent, QuantityReduced


class OcaType(IntEnum):
    """What a fill does to the other orders of the group."""

    CANCEL = 1
    REDUCE = 2
    REDUCE_LATER = 3


@dataclass(slots=True)
class Member:
    """An order of a group: what it still wants, in units of `lot`."""

    con_id: int
    order_id: int
    remaining: Decimal
    lot: Decimal


@dataclass(slots=True)
class OcaGroup:
    """Orders of which one is wanted."""

    kind: OcaType
    members: dict[int, Member] = field(default_factory=dict)
    has_traded: bool = False


class OcaGroups:
    """All groups. `withdraw` and `shrink` reach into the market of an order, if it is in one."""

    def __init__(
        self,
        withdraw: Callable[[int, int], bool],
        shrink: Callable[[int, int, Decimal], None],
    ) -> None:
        self._withdraw = withdraw
        self._shrink = shrink
        self._groups: dict[str, OcaGroup] = {}
        self._group_of: dict[int, str] = {}
        self._later: list[tuple[int, Decimal]] = []

    def join(self, name: str, kind: OcaType, member: Member, *, has_traded: bool = False) -> None:
        """Put an order into a group, or update what it wants; the first order sets the group's type."""
        group = self._groups.setdefault(name, OcaGroup(kind))
        group.has_traded |= has_traded
        group.members[member.order_id] = member
        self._group_of[member.order_id] = name

    def leave(self, order_id: int) -> None:
        """Forget an order that is done."""
        name = self._group_of.pop(order_id, None)
        if name is None:
            return
        members = self._groups[name].members
        members.pop(order_id, None)
        if not members:
            del self._groups[name]

    def others(self, order_id: int) -> list[int]:
        """The other open orders of this one's group, while nothing of the group has traded."""
        group = self._groups.get(self._group_of.get(order_id, ""))
        if group is None or group.has_traded:
            return []
        return [other for other in group.members if other != order_id]

    def traded(self, order_id: int, quantity: Decimal) -> list[MarketEvent]:
        """Do to the others what a fill of this order asks for; return what happened to them."""
        name = self._group_of.get(order_id)
        if name is None:
            return []
        group = self._groups[name]
        group.has_traded = True
        if group.kind is OcaType.REDUCE_LATER:
            self._later.append((order_id, quantity))
            return []
        return self._adjust(group, order_id, quantity)

    def flush(self) -> list[MarketEvent]:
        """Do what was left for after the fact."""
        later, self._later = self._later, []
        events: list[MarketEvent] = []
        for order_id, quantity in later:
            name = self._group_of.get(order_id)
            if name is not None:
                events += self._adjust(self._groups[name], order_id, quantity)
        return events

    def _adjust(self, group: OcaGroup, order_id: int, quantity: Decimal) -> list[MarketEvent]:
        trader = group.members[order_id]
        share = Decimal(1) if group.kind is OcaType.CANCEL else quantity / trader.remaining
        trader.remaining -= quantity
        others = [member for member in group.members.values() if member is not trader]
        if not trader.remaining:
            self.leave(order_id)
        return [event for member in others if (event := self._take_from(member, share)) is not None]

    def _take_from(self, member: Member, share: Decimal) -> MarketEvent | None:
        less = member.remaining * share // member.lot * member.lot
        if less >= member.remaining:
            self._withdraw(member.con_id, member.order_id)
            self.leave(member.order_id)
            return Displaced(member.order_id)
        if not less:
            return None
        member.remaining -= less
        self._shrink(member.con_id, member.order_id, less)
        return QuantityReduced(member.order_id, less)
